"""Parts of the queue: how an address is read, what it lets through, and views under a name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.utils import timezone

from moderation.models import (
    Analysis,
    Category,
    Decision,
    ModelVersion,
    ReviewItem,
    SavedView,
    Skip,
)
from moderation.services.measures import saved_views
from moderation.services.queries import cache
from moderation.services.queue import queue_filter
from moderation.services.queue.queue_field import QueueFilterError
from moderation.services.queue.queue_filter import QueueFilter
from moderation.services.registry import versions
from moderation.services.rules.thresholds import Thresholds, traits
from tests.support.factories import MakeItem, MakeUser, as_user
from tests.support.paths import ROOT

PAGE = "/admin/views/"


def through(**query: str) -> list[str]:
    """The ids of the products whose open items the filter lets through."""
    items = QueueFilter.parse(query).apply(ReviewItem.objects.open())
    return sorted(items.values_list("product__external_id", flat=True))


# ── Addresses ─────────────────────────────────────────────────────────────────────────────────
def test_an_address_is_read_and_written_in_one_way() -> None:
    query = {"seller": " smith & co ", "older": "03D", "category": "007", "p": "2", "band": ""}
    chosen = QueueFilter.parse(query)

    assert chosen == QueueFilter(category=7, seller="smith & co", older="3d")
    assert chosen.query == "category=7&seller=smith+%26+co&older=3d"
    assert QueueFilter.parse({}).is_empty and not chosen.is_empty


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("band", "pass"),
        ("reason", "audit"),
        ("category", "shoes"),
        ("category", "-1"),
        ("category", "0"),
        ("category", "9" * 30),
        ("version", "²"),
        ("older", "3"),
        ("older", "3 weeks"),
        ("older", "0d"),
        ("older", "99999d"),
        ("seller", "x" * 101),
        ("seller", "a\0b"),
    ],
)
def test_a_bad_value_is_named_in_a_sentence(field: str, value: str) -> None:
    with pytest.raises(QueueFilterError) as raised:
        QueueFilter.parse({field: value})

    assert raised.value.field == field and str(raised.value).endswith(".")


# ── What it lets through ──────────────────────────────────────────────────────────────────────
@pytest.mark.django_db
def test_each_field_lets_through_what_it_says(make_item: MakeItem, make_user: MakeUser) -> None:
    shoes = Category.objects.create(name="Test shoes")
    one = make_item("A1", category="Test shoes", seller="smith")
    two, three = make_item("A2", seller="smith"), make_item("A3", seller="Smith")
    ReviewItem.objects.filter(pk=two.pk).update(opened_at=timezone.now() - timedelta(days=3))
    Skip.objects.create(item=three, moderator=make_user("anna"))
    version = one.analysis.model_version
    other = ModelVersion.objects.create(name="other", source="folder", location="x", threshold=0.1)

    assert through() == ["A1", "A2", "A3"]
    assert through(category=str(shoes.pk)) == ["A1"]
    assert through(category="999999") == []
    assert through(seller="smith") == ["A1", "A2"]
    assert through(older="3d") == ["A2"] and through(older="73h") == []
    assert through(reason="skipped") == ["A3"]
    assert through(reason="flagged") == ["A1", "A2", "A3"]
    assert through(version=str(version.pk)) == ["A1", "A2", "A3"]
    assert through(version=str(other.pk)) == []
    assert through(seller="smith", older="3d") == ["A2"]


@pytest.mark.django_db
def test_reopened_are_those_decided_before_whatever_the_model_says_now(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    former = Decision.objects.create(
        item=(item := make_item("A0")),
        analysis=item.analysis,
        moderator=make_user("anna"),
        verdict="dismiss",
        reason="matches",
    )
    flagged, passed = make_item("A1"), make_item("A2")
    for one, stratum in ((flagged, "flagged"), (passed, "reopened")):
        ReviewItem.objects.filter(pk=one.pk).update(reopens=former, stratum=stratum)

    assert through(reason="reopened") == ["A1", "A2"]


@pytest.mark.django_db
@pytest.mark.parametrize("is_blind_by", ["lot", "second opinion"])
def test_no_filter_tells_what_the_model_said_of_a_blind_item(
    make_item: MakeItem, is_blind_by: str
) -> None:
    category = Category.objects.create(name="Test shoes")
    first, item = make_item("A0"), make_item("A1", category="Test shoes", seller="smith")
    make_item("A2", category="Test shoes", seller="smith")
    change = {"in_audit": True} if is_blind_by == "lot" else {"second_of": first}
    ReviewItem.objects.filter(pk=item.pk).update(**change)
    version = item.analysis.model_version
    ModelVersion.objects.filter(pk=version.pk).update(clear_threshold=0.5)

    for telling in (
        {"band": "clear"},
        {"band": "review"},
        {"reason": "flagged"},
        {"version": str(version.pk)},
        {"seller": "smith", "band": "clear"},
    ):
        assert "A1" not in through(**telling), telling
        assert QueueFilter.parse(telling).tells_of_the_model
    for neutral in ({"seller": "smith"}, {"category": str(category.pk)}):
        assert through(**neutral) == ["A1", "A2"]


@pytest.mark.django_db
def test_the_clear_band_is_the_one_of_the_automatic_action(
    make_item: MakeItem, bundled: Any
) -> None:
    """Each item is in the band in which `Thresholds.clear_of` puts it."""
    for number, (similarity, category) in enumerate(
        (similarity, category)
        for similarity in (-0.1, 0.05, 0.11, 0.2)
        for category in (None, "Strict", "Offset")
    ):
        make_item(f"A{number:02}", similarity=similarity, category=category)
    Category.objects.filter(name="Strict").update(threshold=0.02)
    ModelVersion.objects.filter(pk=bundled.pk).update(
        clear_threshold=0.1,
        platt_a=-10.0,
        platt_b=1.0,
        calibration={"offsets": {"Offset": 0.6}},
    )
    items = list(ReviewItem.objects.select_related("analysis", "product__category"))
    items[0].analysis.threshold_override = 0.15
    for place, override in enumerate((None, 0.04, 0.99)):
        for item in items[place::3]:
            item.analysis.threshold_override = override
            item.analysis.save()
    limits = Thresholds(versions.current())
    clear = sorted(
        item.product.external_id
        for item in items
        if item.analysis.similarity
        < limits.clear_of(traits(item.product), override=item.analysis.threshold_override)
    )

    assert 0 < len(clear) < len(items)
    assert through(band="clear") == clear
    assert through(band="review") == sorted(
        item.product.external_id for item in items if item.product.external_id not in clear
    )


@pytest.mark.django_db
def test_without_a_band_nothing_is_clear(make_item: MakeItem) -> None:
    make_item("A1")

    assert through(band="clear") == [] and through(band="review") == ["A1"]


@pytest.mark.django_db
@pytest.mark.parametrize("query", [{"version": "former"}, {"band": "clear"}])
def test_that_next_to_none_are_let_through_is_found_once(
    query: dict[str, str], make_item: MakeItem, bundled: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_filter, "_LONG_FOR_A_PAGE", -1.0)
    monkeypatch.setattr(queue_filter, "_FEW", 1)
    monkeypatch.setattr(cache, "TIMES", 1e9)
    ModelVersion.objects.filter(pk=bundled.pk).update(clear_threshold=0.1)
    former = ModelVersion.objects.create(name="former", source="folder", threshold=0.2)
    asked = {"version": str(former.pk)} if "version" in query else query

    def put(name: str) -> ReviewItem:
        item = make_item(name, similarity=0.05 if "band" in query else 0.2)
        if "version" in query:
            Analysis.objects.filter(pk=item.analysis_id).update(model_version=former)
        return item

    make_item("other", similarity=0.2)
    first = put("A")
    assert through(**asked) == ["A"]
    put("B")
    assert through(**asked) == ["A"]  # for a moment
    ReviewItem.objects.filter(pk=first.pk).update(state="decided")
    assert through(**asked) == []
    caches["answers"].clear()
    assert through(**asked) == ["B"]
    caches["answers"].clear()
    put("C")
    assert through(**asked) == ["B", "C"]  # more than a few: as they are at each time
    put("D")
    assert through(**asked) == ["B", "C", "D"]


def test_a_filter_says_what_it_is(bundled: Any) -> None:
    category = Category.objects.create(name="Test shoes")
    words = QueueFilter(
        category=category.pk, seller="<b>", reason="skipped", older="1h", version=bundled.pk
    ).words

    assert words == (
        "Test shoes · Seller <b> · Skipped by somebody · Scored by bundled · "
        "Waiting 1 hour or longer"
    )
    assert QueueFilter(category=999999).words == "A category that is gone"
    assert QueueFilter().words == "The whole queue"


def test_the_document_names_every_field() -> None:
    text = (ROOT / "docs" / "queue.md").read_text(encoding="utf-8")
    (told,) = [part for part in text.split("\n\n") if part.startswith("*Filter* in the bar")]

    assert [name for name in QueueFilter.fields() if name not in told] == []


# ── Saved views ───────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db
def test_a_view_has_a_name_of_its_own_and_a_part_of_the_queue(
    anna: User, make_user: MakeUser
) -> None:
    part = QueueFilter(seller="smith")
    view = saved_views.save(owner=anna, name="  Smith's   shop ", query=part)

    assert (view.name, view.query) == ("Smith's shop", "seller=smith")
    for name, query in (
        ("Smith's shop", part),
        (" ", part),
        ("x" * 61, part),
        ("All", QueueFilter()),
    ):
        with pytest.raises(saved_views.SavedViewError):
            saved_views.save(owner=anna, name=name, query=query)
    ben = make_user("ben")
    saved_views.save(owner=ben, name="Smith's shop", query=part)
    for change in (
        lambda: saved_views.rename(view, by=ben, name="Mine"),
        lambda: saved_views.share(view, by=ben, is_shared=True),
        lambda: saved_views.delete(view, by=ben),
    ):
        with pytest.raises(saved_views.SavedViewError):
            change()
    assert SavedView.objects.filter(owner=anna, name="Smith's shop", is_shared=False).exists()


@pytest.mark.django_db
def test_a_person_has_so_many_views(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_views, "MOST_VIEWS", 1)
    saved_views.save(owner=anna, name="One", query=QueueFilter(seller="a"))

    with pytest.raises(saved_views.SavedViewError, match="delete one"):
        saved_views.save(owner=anna, name="Two", query=QueueFilter(seller="b"))


@pytest.mark.django_db
def test_what_no_view_can_hold_is_told(anna: User) -> None:
    """In an address a letter of Chinese takes nine characters, and a column has 500."""
    name = "山" * 54
    view = saved_views.save(owner=anna, name="Fits", query=QueueFilter(seller=name))
    view.refresh_from_db()
    assert QueueFilter.parse(dict(parse_qsl(view.query))).seller == name

    with pytest.raises(saved_views.SavedViewError, match="too long"):
        saved_views.save(owner=anna, name="Does not", query=QueueFilter(seller="山" * 60))


@pytest.mark.django_db
def test_ones_own_views_come_first_however_many_are_shared(
    anna: User, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "LISTED", 3)
    part, ben = QueueFilter(seller="smith"), make_user("ben")
    for name in ("Aaa", "Bbb", "Ccc"):
        saved_views.save(owner=ben, name=name, query=part, is_shared=True)
    for name in ("Zzz", "Yyy"):
        saved_views.save(owner=anna, name=name, query=part)
    assert [row.view.name for row in saved_views.listed(anna)] == ["Yyy", "Zzz", "Aaa"]


@pytest.mark.django_db
@pytest.mark.any_database
def test_views_are_made_shared_renamed_and_deleted_on_their_page(
    make_item: MakeItem, anna: User, make_user: MakeUser
) -> None:
    for number in range(3):
        make_item(f"A{number}", seller="<i>smith")
    make_item("B1", seller="jones")
    client, ben = as_user(anna), as_user(make_user("ben"))

    shown = client.get(PAGE, {"seller": "<i>smith"})
    html = shown.content.decode()
    assert "Seller &lt;i&gt;smith" in html and ": 3 open" in html
    assert '/admin/queue/?seller=%3Ci%3Esmith"' in html
    query = shown.context["chosen"].query
    saved = client.post(f"{PAGE}save/", {"query": query, "name": "Smith"}, follow=True)
    assert "Saved: Smith." in saved.content.decode()
    view = SavedView.objects.get()
    assert "Smith" not in [one.view.name for one in ben.get(PAGE).context["views"]]
    assert ben.post(f"{PAGE}{view.pk}/delete/").status_code == 404

    client.post(f"{PAGE}{view.pk}/share/", {"shared": "1"})
    (listed,) = ben.get(PAGE).context["views"]
    assert (listed.view.name, str(listed.open), listed.query) == ("Smith", "3", query)
    assert "somebody else" in ben.post(f"{PAGE}{view.pk}/delete/", follow=True).content.decode()
    client.post(f"{PAGE}{view.pk}/rename/", {"name": "Shop <b>"})
    assert "Shop &lt;b&gt;" in ben.get(PAGE).content.decode()
    client.post(f"{PAGE}{view.pk}/delete/")
    assert not SavedView.objects.exists()


@pytest.mark.django_db
@pytest.mark.any_database
def test_the_page_says_what_is_wrong_with_a_part_and_with_a_stored_one(anna: User) -> None:
    SavedView.objects.create(owner=anna, name="Old", query="band=gone")
    client = as_user(anna)

    answer = client.get(PAGE, {"older": "soon"})

    html = answer.content.decode()
    assert "“soon” is no age" in html and 'aria-invalid="true"' in html
    assert "There is no band “gone”" in html
    refused = client.post(f"{PAGE}save/", {"query": "older=soon", "name": "Soon"}, follow=True)
    assert "“soon” is no age" in refused.content.decode()
    assert SavedView.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.any_database
def test_counts_stop_somewhere(
    make_item: MakeItem, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_views, "COUNTED_AT_MOST", 1)
    make_item("A1", seller="many"), make_item("A2", seller="many")
    saved_views.save(owner=anna, name="Many", query=QueueFilter(seller="many"))

    assert "<b>1+</b> open" in as_user(anna).get(PAGE).content.decode()


@pytest.mark.django_db
@pytest.mark.any_database
def test_the_page_needs_the_right_to_see_items(db: None) -> None:
    stranger = as_user(User.objects.create_user("eve", is_staff=True))

    assert stranger.get(PAGE).status_code == 403
    assert stranger.post(f"{PAGE}save/", {"query": "seller=a", "name": "A"}).status_code == 403
