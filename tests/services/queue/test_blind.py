"""What is judged blind: nothing tells what the model, or somebody before, said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from moderation.models import Analysis, Decision, Product, ReviewItem, Webhook
from moderation.services.measures import seller_panel
from moderation.services.queue import review, review_claims, review_undo
from moderation.services.queue.desk import LEADS
from tests.support.factories import MakeItem, MakeUser, as_user

pytestmark = [pytest.mark.django_db, pytest.mark.any_database]

SAID = {"verdict": "confirm", "reason": "other_colour", "note": "Torn at the seam."}


@pytest.fixture
def root(groups: None) -> Client:
    return as_user(User.objects.create_superuser("root", password="x"))


@dataclass
class Asked:
    """An item that Anna decided, of which Ben may be asked a second opinion."""

    first: ReviewItem
    second: ReviewItem
    decision: Decision
    anna: User
    ben: User


@pytest.fixture
def asked(make_item: MakeItem, make_user: MakeUser, settings: Any) -> Asked:
    settings.GOLD_SHARE = 1.0
    anna, ben = make_user("anna"), make_user("ben")
    item = make_item("A1", seller="smith", similarity=0.1234)
    decision = review.decide(item, moderator=anna, **SAID)
    return Asked(item, ReviewItem.objects.open().get(), decision, anna, ben)


# ── Lists ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("reviewitem", "stratum=flagged&in_audit=1"),
        ("reviewitem", "suspicion__gt=0.5"),
        ("reviewitem", "in_audit__exact=1"),
        ("reviewitem", "second_of__isnull=False"),
        ("reviewitem", "analysis__is_mismatch=1"),
        ("reviewitem", "state__regex=."),
        ("product", "analysis__is_mismatch=1"),
        ("product", "review_items__isnull=0"),
        ("product", "review_items=1"),
        ("product", "open_item__gt=0"),
        ("analysis", "similarity__lt=0.5"),
        ("analysis", "review_items=1"),
        ("decision", "stratum=flagged"),
        ("decision", "item__second_opinion__state=open"),
    ],
)
def test_a_list_is_narrowed_by_its_own_filters_alone(
    root: Client, make_item: MakeItem, model: str, query: str
) -> None:
    ReviewItem.objects.filter(pk=make_item("A1").pk).update(in_audit=True)
    assert root.get(f"/admin/moderation/{model}/?{query}").status_code == 400


@pytest.mark.slow
def test_every_choice_of_every_filter_works(root: Client, asked: Asked) -> None:
    Webhook.objects.create(name="shop", url="http://shop.example/")
    followed = 0
    for model, model_admin in admin.site._registry.items():
        address = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        if not getattr(model_admin, "list_filter", ()):
            continue
        shown = root.get(address).context["cl"]
        for spec in shown.filter_specs:
            for choice in spec.choices(shown):
                answer = root.get(address + choice["query_string"])
                assert answer.status_code == 200, (address, choice)
                followed += 1
    assert followed > 30


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("product", "seller=smith"),
        ("product", "category__id__exact={category}"),
        ("analysis", "product__id__exact={product}"),
        ("delivery", "webhook__id__exact=1"),
        ("reviewitem", "q=A1&after=99"),
    ],
)
def test_the_links_to_lists_work(
    root: Client, make_item: MakeItem, bundled: Any, model: str, query: str
) -> None:
    product = make_item("A1", seller="smith", category="Mugs").product
    query = query.format(product=product.pk, category=product.category_id)
    assert root.get(f"/admin/moderation/{model}/?{query}").status_code == 200


# ── A second opinion ──────────────────────────────────────────────────────────────────────────
def api_decisions(user: User) -> list[int]:
    answer = as_user(user).get("/api/decisions?product_id=A1")
    assert answer.status_code == 200
    return [row["id"] for row in answer.json()["results"]]


def admin_decisions(user: User) -> list[int]:
    answer = as_user(user).get("/admin/moderation/decision/?verdict__exact=confirm")
    return [row.pk for row in answer.context["cl"].result_list]


@pytest.mark.parametrize("listed", [api_decisions, admin_decisions])
def test_the_first_verdict_is_kept_back_from_who_may_be_asked(
    asked: Asked, make_user: MakeUser, listed: Callable[[User], list[int]]
) -> None:
    lead, viewer = make_user("lea", group="lead"), make_user("vic", group="viewer")

    assert listed(asked.ben) == listed(lead) == []
    assert listed(asked.anna) == listed(viewer) == [asked.decision.pk]

    review.decide(asked.second, moderator=asked.ben, **SAID)
    assert len(listed(asked.ben)) == len(listed(asked.anna)) == len(listed(lead)) == 2


@pytest.fixture
def told(db: None) -> Webhook:
    return Webhook.objects.create(name="told", url="https://shop.example/")


def test_the_log_of_webhooks_keeps_it_back(
    told: Webhook, asked: Asked, make_user: MakeUser
) -> None:
    asked.anna.groups.add(Group.objects.get(name="lead"))
    leads = [as_user(make_user("lea", group="lead")), as_user(asked.anna)]
    row = told.deliveries.get()
    address = f"/admin/moderation/delivery/{row.pk}/change/"

    def listed() -> list[int]:
        """How many messages each of them finds."""
        pages = [lead.get("/admin/moderation/delivery/?q=A1") for lead in leads]
        return [len(page.context["cl"].result_list) for page in pages]

    assert listed() == [0, 1]
    assert [lead.get(address).status_code for lead in leads] == [302, 200]
    review.decide(asked.second, moderator=asked.ben, **SAID)
    assert listed() == [1, 1]


def test_the_page_of_a_decision_is_kept_back(asked: Asked) -> None:
    address = f"/admin/moderation/decision/{asked.decision.pk}/change/"
    assert SAID["note"] not in as_user(asked.ben).get(address, follow=True).content.decode()
    assert SAID["note"] in as_user(asked.anna).get(address).content.decode()


def test_the_closed_page_says_only_that_it_is_decided(asked: Asked) -> None:
    ReviewItem.objects.filter(pk=asked.first.pk).update(
        escalated_at=asked.first.opened_at, escalated_by=asked.ben, escalation_note="A forgery?"
    )
    address = f"/admin/queue/{asked.first.pk}/"
    html = as_user(asked.ben).get(address).content.decode()
    assert "a second opinion is being asked" in html
    for told in ("Mismatch confirmed", SAID["note"], "A forgery?", 'What the model says"', "0.12"):
        assert told not in html, told
    own = as_user(asked.anna).get(address).content.decode()
    assert "Mismatch confirmed" in own and SAID["note"] in own

    review.decide(asked.second, moderator=asked.ben, **SAID)
    html = as_user(asked.ben).get(address).content.decode()
    assert "Mismatch confirmed" in html and 'What the model says"' in html


def test_the_review_by_api_keeps_it_back(asked: Asked, make_user: MakeUser) -> None:
    def read(user: User) -> dict[str, Any]:
        found: dict[str, Any] = as_user(user).get(f"/api/reviews/{asked.first.pk}").json()
        return found

    kept = read(asked.ben)
    assert (kept["state"], kept["decision"], kept["analysis"]) == ("decided", None, None)
    for user in (asked.anna, make_user("vic", group="viewer")):
        assert read(user)["decision"]["reason"] == "other_colour"
    assert read(user)["analysis"]["similarity_score"] == 0.1234
    assert read(asked.anna)["analysis"] is None  # she could undo, and judge “blind” what she saw


def test_the_items_of_such_a_product_tell_nothing_in_the_list_of_items(
    asked: Asked, root: Client
) -> None:
    Analysis.objects.update(p_mismatch=0.87)
    list_, page = "/admin/moderation/reviewitem/", f"{asked.first.pk}/change/"
    html = root.get(list_).content.decode()
    assert html.count("kept back") == 2 and "87%" not in html
    assert "Suspicion" not in root.get(list_ + page).content.decode()
    review.decide(asked.second, moderator=asked.ben, **SAID)
    assert root.get(list_).content.decode().count("87%") == 2
    assert "Suspicion" in root.get(list_ + page).content.decode()


def test_the_figures_of_a_seller_leave_it_out(asked: Asked, make_item: MakeItem) -> None:
    def panel() -> tuple[int, int, list[Any]]:
        found = seller_panel.seller_panel("smith")
        assert found is not None
        return found.judged, found.confirmed, found.reasons

    assert panel() == (0, 0, [])
    assert seller_panel.top_sellers() == []
    review.decide(asked.second, moderator=asked.ben, verdict="dismiss", reason="matches")
    assert panel() == (1, 1, [("Colour or pattern differs", 1)])
    assert [row.seller for row in seller_panel.top_sellers()] == ["smith"]


def test_what_was_drawn_after_a_change_keeps_the_former_verdict_back(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    anna, ben = make_user("anna"), make_user("ben")
    item = make_item("A1", seller="smith")
    decision = review.decide(item, moderator=anna, **SAID)
    product = Product.objects.get()
    again = ReviewItem.objects.create(
        product=product,
        analysis=Analysis.objects.create(
            product=product,
            text="A blue ball",
            image=item.analysis.image,
            model_version=item.analysis.model_version,
        ),
        suspicion=0.5,
        in_audit=True,
        reopens=decision,
    )
    shown = Decision.objects.may_be_shown
    assert not shown().exists() and not shown(to=ben).exists()
    assert shown(to=anna).get() == decision
    ReviewItem.objects.filter(pk=again.pk).update(in_audit=False)
    assert shown().exists()


# ── What colleagues wrote ─────────────────────────────────────────────────────────────────────
def test_why_a_lead_is_asked_about_a_blind_item_is_kept_back(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    anna, lead = make_user("anna"), make_user("lea", group="lead")
    item = make_item("A1")
    review.escalate(item, moderator=anna, note="The photo shows a bag.")
    review.skip(item, moderator=make_user("ben"), reason="language")
    client = as_user(lead)

    def told() -> str:
        page = client.get(f"/admin/queue/{item.pk}/").content.decode()
        part = page[page.index('<section class="escalated"') :]
        row = client.get(f"/api/reviews/{item.pk}").json()
        listed = client.get("/api/reviews").json()["results"][0]
        assert row["is_escalated"] and listed["escalation_note"] == row["escalation_note"]
        return f"{part[: part.index('</section>')]} {row['escalation_note']}"

    assert told().count("The photo shows a bag.") == 2
    assert "i do not read this language" in told()

    ReviewItem.objects.filter(pk=item.pk).update(in_audit=True)
    assert "bag" not in told() and "language" not in told()
    assert "anna asks a lead" in told() and "kept back" in told()

    review.decide(item, moderator=lead, verdict="dismiss", reason="matches")
    row = client.get(f"/api/reviews/{item.pk}").json()
    assert row["escalation_note"] == "The photo shows a bag."


@pytest.mark.parametrize("kind", ["drawn", "second"])
def test_a_note_that_was_written_blind_reaches_the_lead(
    make_item: MakeItem, make_user: MakeUser, asked: Asked, kind: str
) -> None:
    """Without what the model says, and without any verdict."""
    lead, mo = make_user("lea", group="lead"), make_user("mo")
    item = asked.second if kind == "second" else make_item("A2", similarity=0.1234)
    if kind == "drawn":
        ReviewItem.objects.filter(pk=item.pk).update(in_audit=True)
    review.skip(item, moderator=mo, reason="language")
    asking = as_user(asked.ben)
    assert review_claims.claim(item, moderator=asked.ben)
    asking.post(f"/admin/queue/{item.pk}/escalate/", {"note": "Is this brand ours?"})

    def told(user: User) -> tuple[str, str]:
        page = as_user(user).get(f"/admin/queue/{item.pk}/").content.decode()
        row = as_user(user).get(f"/api/reviews/{item.pk}").json()
        return page, row["escalation_note"]

    page, by_api = told(lead)
    assert "“Is this brand ours?”" in page and by_api == "Is this brand ours?"
    assert "Written without seeing what the model says" in page
    for kept in ('What the model says"', "0.12", SAID["note"], "mo: i do not read"):
        assert kept not in page, kept
    # Who might judge it later, were it taken back, reads nothing.
    assert "this brand" not in told(mo)[0] and told(mo)[1] == ""
    review_claims.release(lead)
    assert review_claims.claim_next(lead, desk=LEADS) == item


def test_a_note_of_somebody_who_saw_the_score_or_gave_a_verdict_before_is_kept_back(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    lead, anna, ben = make_user("lea", group="lead"), make_user("anna"), make_user("ben")

    def note(item: ReviewItem) -> str:
        return str(as_user(lead).get(f"/api/reviews/{item.pk}").json()["escalation_note"])

    item = make_item("A1")  # drawn by a score that came while anna had it in hand
    review_claims.claim(item, moderator=anna)
    ReviewItem.objects.filter(pk=item.pk).update(in_audit=True)
    Analysis.objects.update(finished_at=timezone.now())
    review.escalate(item, moderator=anna, note="The model says 93%.")
    assert note(item) == ""

    changed = make_item("A2")  # ben judged its former photo, and may say how
    review.decide(changed, moderator=ben, **SAID)
    ReviewItem.objects.filter(pk=changed.pk).update(state="open", in_audit=True)
    review.escalate(changed, moderator=ben, note="I confirmed it before.")
    assert note(changed) == ""


# ── One word for it ───────────────────────────────────────────────────────────────────────────
def test_the_database_and_an_item_mean_the_same_by_blind(
    asked: Asked, make_item: MakeItem, settings: Any
) -> None:
    settings.GOLD_SHARE = 0.0
    drawn, plain = make_item("A2"), make_item("A3")
    ReviewItem.objects.filter(pk=drawn.pk).update(in_audit=True)
    items = ReviewItem.objects.all()
    blind = {item for item in items if item.is_blind}
    assert blind == set(ReviewItem.objects.blind()) == {asked.second, drawn}
    openly = {item for item in ReviewItem.objects.open() if not item.is_blind}
    assert openly == set(ReviewItem.objects.open().in_the_open()) == {plain}


def test_an_undone_second_opinion_is_blind_again(asked: Asked) -> None:
    review_claims.claim(asked.second, moderator=asked.ben)
    review.decide(asked.second, moderator=asked.ben, **SAID)
    assert Decision.objects.may_be_shown().count() == 2
    review_undo.undo(moderator=asked.ben)
    assert not Decision.objects.may_be_shown().exists()
    assert set(Decision.objects.may_be_shown(to=asked.ben)) == set(
        Decision.objects.filter(moderator=asked.ben)
    )
