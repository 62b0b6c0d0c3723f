"""Explanations: made by the worker, of what is judged in the open, and shown as they are stored."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.template.loader import render_to_string
from django.test import Client

from moderation import tasks
from moderation.admin.why import why
from moderation.clip.explanation.explain import Explainer
from moderation.clip.explanation.margins import Margins
from moderation.demo import draw
from moderation.models import (
    Analysis,
    Category,
    Decision,
    Embedding,
    Explanation,
    ModelVersion,
    ReviewItem,
)
from moderation.services.encoding import embeddings
from moderation.services.queue import explain, explain_evidence, review, review_undo
from tests.support.factories import MakeItem, MakeProduct, MakeUser, as_user
from tests.support.photos import photo

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]


@pytest.fixture(autouse=True)
def nothing_kept_and_small_samples(monkeypatch: pytest.MonkeyPatch, no_heartbeats: None) -> None:
    """A few scores are enough to compare with, and each test reads its own."""
    monkeypatch.setattr(explain_evidence, "KEPT_SECONDS", -1.0)
    monkeypatch.setattr(explain_evidence, "FEWEST", 2)


def mug(colour: str = "red", *, seed: int = 1) -> bytes:
    buffer = BytesIO()
    draw("mug", colour=colour, seed=seed, size=96).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def flagged(make_item: MakeItem) -> Make:
    """A red mug with another colour's text, in the queue; not explained yet."""

    def make(external_id: str = "A1", *, text: str = "Tea mug yellow", **changes: Any) -> Any:
        return make_item(external_id, text=text, **{"image": mug(), **changes})

    return make


def put_in_audit(item: ReviewItem) -> None:
    ReviewItem.objects.filter(pk=item.pk).update(in_audit=True)


def found(item: ReviewItem) -> dict[str, Any]:
    return Explanation.objects.get(analysis=item.analysis_id).found


# ── Made by the worker ────────────────────────────────────────────────────────────────────────
def test_the_worker_explains_what_it_flags(make_product: MakeProduct, run_worker: Callable) -> None:
    make_product("A1", text="Tea mug yellow", image=mug())
    make_product("A2", text="Tea mug red", image=mug())
    run_worker()

    wrong, right = Analysis.objects.order_by("pk")
    assert (wrong.is_mismatch, right.is_mismatch) == (True, False)
    assert not Explanation.objects.filter(analysis=right).exists()
    assert wrong.explanation.found["wrong"]["word"] == "yellow"
    assert wrong.explanation.found["wrong"]["spans"] == [[8, 14]]
    assert wrong.explanation.found["wrong"]["looks_like"] == ["red"]
    assert wrong.explanation.found["suggestion"] == "Tea mug red"


def test_the_texts_that_were_tried_are_not_kept(flagged: Make) -> None:
    item = flagged()

    explain.explain_pending(limit=10, seconds=60)

    texts = Embedding.objects.filter(tower="text").values_list("content_hash", flat=True)
    assert found(item)["wrong"]["looks_like"] == ["red"]
    assert list(texts) == [embeddings.text_sha256("Tea mug yellow")]


def test_nothing_is_computed_of_what_is_judged_blind(flagged: Make, make_user: MakeUser) -> None:
    audit, decided = flagged("A1"), flagged("A2")
    put_in_audit(audit)
    review.decide(decided, moderator=make_user("anna"), verdict="confirm", reason="other_colour")
    ReviewItem.objects.create(
        product=decided.product, analysis=decided.analysis, second_of=decided, suspicion=0.9
    )

    assert explain.explain_pending(limit=10, seconds=60) == 0
    assert explain.explain([audit.analysis, decided.analysis]) == 0
    assert not Explanation.objects.exists()


def test_the_sweep_catches_up_most_suspicious_first(flagged: Make) -> None:
    mild, severe = flagged("A1", similarity=0.2), flagged("A2", similarity=-0.2)

    assert explain.explain_pending(limit=1, seconds=60) == 1
    assert Explanation.objects.get().pk == severe.analysis_id
    assert explain.explain_pending(limit=10, seconds=0) == 0  # out of time

    tasks.sweep()

    assert found(mild)["wrong"]["word"] == "yellow"
    assert explain.explain_pending(limit=10, seconds=60) == 0  # each once


def test_a_failure_leaves_analyses_alone_and_is_not_tried_for_ever(
    make_product: MakeProduct, run_worker: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("no memory left")

    monkeypatch.setattr(Explainer, "explain", fail)
    product = make_product("A1", text="Tea mug yellow", image=mug())
    run_worker()

    row = Analysis.objects.get(product=product)
    assert (row.status, row.attempts, row.is_mismatch) == ("done", 1, True)
    assert row.explanation.found == {}
    assert why(ReviewItem.objects.get()) is None
    assert explain.explain_pending(limit=10, seconds=60) == 0


def test_a_database_that_goes_away_costs_no_explanation(
    make_product: MakeProduct,
    run_worker: Callable,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def gone(*_: Any) -> None:
        raise OperationalError("server closed the connection\nunexpectedly")

    with monkeypatch.context() as away:
        away.setattr(Explainer, "explain", gone)
        make_product("A1", text="Tea mug yellow", image=mug())
        run_worker()
        assert explain.explain_pending(limit=10, seconds=60) == 0
    assert not Explanation.objects.exists()
    assert "Explanations wait for the database: server closed the connection" in caplog.text
    assert "Traceback" not in caplog.text

    assert explain.explain_pending(limit=10, seconds=60) == 1


def test_a_photo_that_is_gone_leaves_the_others_their_explanation(flagged: Make) -> None:
    lost, kept = flagged("A1", image=mug(seed=2)), flagged("A2")
    lost.product.image.delete(save=False)

    explain.explain_pending(limit=10, seconds=60)

    assert found(lost) == {}
    assert found(kept)["wrong"]["word"] == "yellow"


# ── Compared with others ──────────────────────────────────────────────────────────────────────
def test_it_says_where_the_score_stands_in_its_category(flagged: Make) -> None:
    Category.objects.create(name="Cups", prompt="a mug")
    for number, similarity in enumerate((-0.3, 0.1, 0.15)):
        flagged(f"B{number}", category="Cups", similarity=similarity)
    item = flagged("A1", category="Cups", similarity=0.0)

    explain.explain_pending(limit=10, seconds=60)

    assert found(item)["standing"] == {"lower": 0.25, "of": 4, "category": "Cups"}
    shown = why(item)
    assert shown is not None
    assert "Of 4 listings in Cups, 25% score lower." in shown["notes"]


def test_what_was_decided_is_shown_where_it_is_near(flagged: Make, make_user: MakeUser) -> None:
    anna = make_user("anna")
    near, far = flagged("N1", image=mug(seed=3)), flagged("F1", text="Leather boots", image=photo())
    for item, verdict, reason in (
        (far, "dismiss", "matches"),
        (near, "confirm", "other_colour"),
    ):
        explain.explain([item.analysis])  # encodes photo and text, as an analysis would
        review.decide(item, moderator=anna, verdict=verdict, reason=reason)
    item = flagged("A1")
    explain.explain_pending(limit=10, seconds=60)

    shown = why(item)

    assert shown is not None
    assert [one["product_id"] for one in shown["nearest"]] == ["N1"]
    first = shown["nearest"][0]
    assert first["said"] == "Mismatch: colour or pattern differs"
    assert first["text"] == "Tea mug yellow"
    assert first["image_url"] == near.analysis.image_url
    assert first["similarity"] > 0.9


def test_what_is_asked_blind_meanwhile_or_undone_is_not_shown(
    flagged: Make, make_user: MakeUser
) -> None:
    anna, ben = make_user("anna"), make_user("ben")
    items = [flagged("N1", image=mug(seed=3)), flagged("N2", image=mug(seed=4)), flagged("N3")]
    for item in items:
        explain.explain([item.analysis])
        moderator = ben if item is items[1] else anna
        review.decide(item, moderator=moderator, verdict="confirm", reason="other_colour")
    item = flagged("A1")
    explain.explain_pending(limit=10, seconds=60)
    assert len((why(item) or {})["nearest"]) == 3

    ReviewItem.objects.create(
        product=items[0].product, analysis=items[0].analysis, second_of=items[0], suspicion=0.9
    )
    review_undo.undo(moderator=ben)

    assert [one["product_id"] for one in (why(item) or {})["nearest"]] == ["N3"]


def test_only_people_are_quoted(flagged: Make, make_user: MakeUser) -> None:
    anna = make_user("anna")
    items = [flagged(f"N{number}", image=mug(seed=number)) for number in range(1, 4)]
    explain.explain([item.analysis for item in items])
    for item, mode in zip(items, ("queue", "queue", "automatic"), strict=True):
        ReviewItem.objects.filter(pk=item.pk).update(state="decided")
        Decision.objects.create(
            item=item,
            analysis=item.analysis,
            moderator=anna,
            verdict="confirm",
            reason="other_product",
            mode=mode,
        )
    item = flagged("A1")
    explain.explain_pending(limit=10, seconds=60)

    assert {one["product_id"] for one in (why(item) or {})["nearest"]} == {"N1", "N2"}


# ── Shown ─────────────────────────────────────────────────────────────────────────────────────
STORED = {
    "wrong": {
        "word": "Red",
        "spans": [[0, 3], [9, 12]],
        "kind": "colour",
        "looks_like": ["blue", "navy blue"],
        "shares": [["blue", 0.6], ["navy blue", 0.3], ["red", 0.001]],
    },
    "suggestion": "Blue <b>& blue",
    "category": {"name": "Cups", "rank": 31, "of": 40},
    "standing": {"lower": 0.0, "of": 1240, "category": "Cups"},
}


@pytest.fixture
def stored(flagged: Make) -> ReviewItem:
    item = flagged(text="Red <b>& red")
    Explanation.objects.create(analysis=item.analysis, found=STORED)
    return item


@pytest.mark.any_database
def test_one_plain_sentence_comes_first_and_all_is_escaped(stored: ReviewItem) -> None:
    shown = why(stored)
    assert shown is not None
    assert shown["sentence"] == "“Red” does not fit: the photo looks blue or navy blue."
    assert shown["text_parts"] == [("Red", True), (" <b>& ", False), ("red", True)]

    html = render_to_string("admin/queue/why.html", {"why": shown})

    assert html.index("does not fit") < html.index("By the model: blue 60%")
    assert "red &lt;1%" in html
    assert "<mark>Blue</mark> &lt;b&gt;&amp; <mark>blue</mark>" in html
    assert "The photo does not look like its category either, Cups." in html
    assert "Of 1,240 listings in Cups, none scores lower." in html
    assert "<b>" not in html
    assert "style=" not in html


@pytest.mark.any_database
@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            {"wrong": {"word": "pears", "spans": [[6, 11]], "kind": "type", "looks_like": []}},
            "The photo does not look like “pears”.",
        ),
        (
            {"category": {"name": "Fruit", "rank": 31, "of": 40}},
            "The photo does not look like its category, Fruit.",
        ),
    ],
)
def test_another_kind_is_said_first_and_another_product_stands_out(
    flagged: Make, ben: User, found: dict[str, Any], sentence: str
) -> None:
    item = flagged(text="Green pears")
    Explanation.objects.create(analysis=item.analysis, found=found)
    assert (why(item) or {})["sentence"] == sentence

    page = as_user(ben).get(f"/admin/queue/{item.pk}/").content.decode()

    assert stands_out(page) == "confirm:other_product"


@pytest.mark.any_database
def test_a_wrong_colour_stands_out_where_one_is_named(stored: ReviewItem, ben: User) -> None:
    page = as_user(ben).get(f"/admin/queue/{stored.pk}/").content.decode()

    assert stands_out(page) == "confirm:other_colour"


def stands_out(page: str) -> str:
    """The mismatch that M and a swipe to the left choose."""
    found = re.search(r'class="answer is-default" name="answer"\s+value="(confirm:\w+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.any_database
def test_what_the_photo_looks_like_is_told_where_this_model_is_right_often_enough(
    flagged: Make, ben: User
) -> None:
    item, page = flagged(), as_user(ben)
    Analysis.objects.update(top_categories=[{"category": "Balls", "score": 0.62}])

    def shown(**metrics: Any) -> bool:
        ModelVersion.objects.update(metrics=metrics)
        html = page.get(f"/admin/queue/{item.pk}/").content.decode()
        assert ("Balls" in html) == ("The photo looks like" in html)
        return "Balls" in html

    assert shown(explanations=Margins(guess=0.6).as_json())
    assert not shown(explanations=Margins(guess=0.7).as_json())
    assert not shown(explanations=Margins(guess=None).as_json())
    assert not shown()  # not measured yet


@pytest.mark.any_database
def test_a_blind_item_has_no_why_whatever_is_stored(stored: ReviewItem) -> None:
    put_in_audit(stored)

    assert why(ReviewItem.objects.get(pk=stored.pk)) is None


@pytest.mark.any_database
def test_it_costs_two_queries_at_most(stored: ReviewItem, django_assert_num_queries: Make) -> None:
    with django_assert_num_queries(1):
        why(stored)
    Explanation.objects.update(found={**STORED, "nearest": [[1, 0.9], [2, 0.8]]})
    with django_assert_num_queries(2):
        why(stored)


@pytest.mark.any_database
def test_where_nothing_is_known_nothing_is_shown(flagged: Make) -> None:
    item = flagged()
    assert why(item) is None

    Explanation.objects.create(analysis=item.analysis, found={})
    assert why(item) is None


@pytest.mark.any_database
def test_the_queue_shows_it_beside_the_listing(
    flagged: Make, make_user: MakeUser, client: Client
) -> None:
    item = flagged()
    explain.explain([item.analysis])
    client.force_login(make_user("ben"))

    page = client.get(f"/admin/queue/{item.pk}/").content.decode()

    assert "“yellow” does not fit: the photo looks red." in page
