"""Which item comes next, and what a moderator sees of an item that is judged blind."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from moderation.models import Category, Decision, ReviewItem
from moderation.services.queue import review, review_claims
from moderation.services.rules import mixture
from moderation.services.rules.mixture import Arm
from tests.support.factories import MakeItem, MakeUser


# ── The mixture itself ────────────────────────────────────────────────────────────────────────
def test_draws_fall_on_the_arms_by_their_shares() -> None:
    drawn = Counter(
        mixture.arms((number + 0.5) / 1000, uncertain=0.2, audit=0.1)[0] for number in range(1000)
    )
    assert drawn == {Arm.SUSPICIOUS: 700, Arm.UNCERTAIN: 200, Arm.AUDIT: 100}


def test_an_empty_arm_leaves_its_turn_to_another() -> None:
    for draw in (0.05, 0.2, 0.9):
        first, second = mixture.arms(draw, uncertain=0.2, audit=0.1)
        assert (first is Arm.AUDIT) != (second is Arm.AUDIT)


def test_of_the_uncertain_the_category_served_least_comes_first() -> None:
    assert mixture.diverse(["shoe", "shoe", "hat", "bag"], lately=["shoe", "bag"]) == [2, 0, 1, 3]
    assert mixture.diverse(["shoe", "hat"], lately=[]) == [0, 1]


# ── In the queue ──────────────────────────────────────────────────────────────────────────────
def dismiss(item: ReviewItem, moderator: User) -> Any:
    return review.decide(item, moderator=moderator, verdict="dismiss", reason="matches")


def shares(settings: Any, *, uncertain: float = 0.0, audit: float = 0.0) -> None:
    settings.QUEUE_UNCERTAIN_SHARE, settings.QUEUE_AUDIT_SHARE = uncertain, audit


@pytest.mark.django_db
def test_the_uncertain_arm_takes_turns_between_categories(
    make_item: MakeItem, anna: User, settings: Any
) -> None:
    shares(settings, uncertain=1.0)
    shoes, hats = (Category.objects.create(name=name) for name in ("Test shoes", "Test hats"))
    uncertainties = {"S1": 0.9, "S2": 0.8, "H1": 0.7, "H2": 0.1}
    for name, value in uncertainties.items():
        item = make_item(name)
        item.product.category = shoes if name.startswith("S") else hats
        item.product.save()
        ReviewItem.objects.filter(pk=item.pk).update(uncertainty=value)

    order = []
    while (item := review_claims.claim_next(anna)) is not None:
        order.append(item.product.external_id)
        assert dismiss(item, anna).picked_by == "uncertain"
    assert order == ["S1", "H1", "S2", "H2"]


@pytest.mark.django_db
def test_automatic_decisions_do_not_say_what_people_saw_lately(
    make_item: MakeItem, anna: User, settings: Any
) -> None:
    shares(settings, uncertain=1.0)
    shoes, hats = (Category.objects.create(name=name) for name in ("Test shoes", "Test hats"))
    for name, value in {"S1": 0.9, "S2": 0.8, "H1": 0.7, "H2": 0.1}.items():
        item = make_item(name)
        item.product.category = shoes if name.startswith("S") else hats
        item.product.save()
        ReviewItem.objects.filter(pk=item.pk).update(uncertainty=value)
    first = review_claims.claim_next(anna)
    assert first is not None and first.product.external_id == "S1"
    dismiss(first, anna)
    done = ReviewItem.objects.get(product__external_id="H2")
    ReviewItem.objects.filter(pk=done.pk).update(state="decided")
    for _ in range(mixture.LATELY):
        Decision.objects.create(
            item=done,
            analysis=done.analysis,
            moderator=anna,
            verdict="confirm",
            mode=Decision.Mode.AUTOMATIC,
        )

    # People saw shoes last, whatever the band's automatic action did to hats.
    following = review_claims.claim_next(anna)
    assert following is not None and following.product.external_id == "H1"


@pytest.mark.django_db
def test_only_the_audit_arm_hands_out_what_was_drawn_by_lot(
    make_item: MakeItem, anna: User, settings: Any
) -> None:
    """Else the most suspicious of the drawn came first, and the audit were no fair sample."""
    drawn = [make_item(f"D{number}", similarity=-0.5) for number in range(3)]
    make_item("A1", similarity=0.3)
    for item, place in zip(drawn, (0.5, 0.2, 0.9), strict=True):
        ReviewItem.objects.filter(pk=item.pk).update(in_audit=True, random_order=place)

    order = []
    while (item := review_claims.claim_next(anna)) is not None:
        order.append((item.product.external_id, dismiss(item, anna).picked_by))
    assert order == [("A1", "suspicious"), ("D1", "audit"), ("D0", "audit"), ("D2", "audit")]


@pytest.mark.django_db
def test_all_arms_get_their_turns_and_what_is_fetched_ahead_comes_next(
    make_item: MakeItem, anna: User, settings: Any
) -> None:
    shares(settings, uncertain=0.3, audit=0.3)
    for number in range(30):
        item = make_item(f"A{number}", similarity=number / 100)
        ReviewItem.objects.filter(pk=item.pk).update(
            in_audit=number % 3 == 0, random_order=number / 30, uncertainty=number / 30
        )

    picks, foretold, following = Counter(), 0, None
    while (item := review_claims.claim_next(anna)) is not None:
        foretold += following == item
        following = next(iter(review_claims.reserve(anna, ahead=1)[1:]), None)
        assert review_claims.claim_next(anna) == item  # asking again gives no other draw
        picks[dismiss(item, anna).picked_by] += 1
    assert set(picks) == {"suspicious", "uncertain", "audit"}
    assert sum(picks.values()) == 30 and foretold == 29


@pytest.mark.django_db
def test_what_was_opened_by_hand_is_recorded_so(make_item: MakeItem, anna: User) -> None:
    item, other = make_item("A1"), make_item("A2", similarity=0.5)
    assert review_claims.claim(other, moderator=anna)
    assert dismiss(other, anna).picked_by == "chosen"

    review_claims.claim_next(anna)
    ReviewItem.objects.update(claimed_until=timezone.now())  # the heartbeat takes it anew
    assert review_claims.claim(item, moderator=anna)
    assert dismiss(item, anna).picked_by == "suspicious"


# ── Blindness ─────────────────────────────────────────────────────────────────────────────────
EVIDENCE = re.compile(
    r"evidence\"|scale-line|likely|Similarity|flagged|audit|threshold|mismatches|in 10|\d%|bundled|"
    r"second|stratum|suspicio",
    re.IGNORECASE,
)


def seen(html: str, item: ReviewItem) -> str:
    """The listing on the page, without what differs from product to product or page to page."""
    listing = html[html.index('<article class="listing"') : html.index("</article>")]
    listing = re.sub(r'name="(csrfmiddlewaretoken|shown)" value="[^"]*"', "", listing)
    for own in (item.analysis.image_url, item.product.external_id, item.analysis.text):
        listing = listing.replace(own, "*")
    return listing.replace(f"/{item.pk}/", "/*/").replace(f'data-item="{item.pk}"', "")


@pytest.mark.django_db
def test_a_blind_item_shows_nothing_of_the_model_and_of_where_it_came_from(
    make_item: MakeItem, anna: User
) -> None:
    client = Client()
    client.force_login(anna)
    flagged, passed = make_item("F1", similarity=-0.4), make_item("P1", similarity=0.9)
    judged = make_item("S1", similarity=0.0)
    dismiss(judged, User.objects.create_user("ben"))
    second = ReviewItem.objects.create(
        product=judged.product, analysis=judged.analysis, second_of=judged, suspicion=0.5
    )
    ReviewItem.objects.filter(pk__in=[flagged.pk, passed.pk]).update(in_audit=True)
    ReviewItem.objects.filter(pk=passed.pk).update(stratum="audit", sampling_probability=0.02)

    pages = []
    for item in (flagged, passed, second):
        html = client.get(f"/admin/queue/{item.pk}/").content.decode()
        answer = client.post("/admin/queue/ahead/", HTTP_ACCEPT="application/json").json()
        (fetched,) = (one["html"] for one in answer["items"] if one["pk"] == item.pk)
        assert seen(fetched, item) == seen(html, item)
        pages.append(seen(html, item))
    assert pages[0] == pages[1] == pages[2]
    text = re.sub(r"<form.*</form>", "", pages[0], flags=re.DOTALL)  # the answers' own words
    assert not EVIDENCE.findall(text.replace("evidence-kept", ""))
    assert "Do photo and text match?" in pages[0]


@pytest.mark.django_db
def test_after_the_decision_the_evidence_is_there(make_item: MakeItem, anna: User) -> None:
    client = Client()
    client.force_login(anna)
    item = make_item("A1")
    ReviewItem.objects.update(in_audit=True)
    dismiss(item, User.objects.create_user("ben"))

    assert "What the model says" in client.get(f"/admin/queue/{item.pk}/").content.decode()


@pytest.mark.django_db
def test_the_record_of_review_items_keeps_back_what_is_judged_blind(
    make_item: MakeItem, anna: User
) -> None:
    client = Client()
    client.force_login(anna)
    item = make_item("A1")
    ReviewItem.objects.update(in_audit=True)

    assert "kept back" in client.get("/admin/moderation/reviewitem/").content.decode()
    page = client.get(f"/admin/moderation/reviewitem/{item.pk}/change/").content.decode()
    assert "Suspicion" not in page and "Stratum" not in page


@pytest.mark.django_db
def test_asked_for_a_second_opinion_on_oneself_the_page_says_no(
    make_item: MakeItem, anna: User, make_user: MakeUser, settings: Any
) -> None:
    settings.GOLD_SHARE = 1.0
    make_user("ben")
    client = Client()
    client.force_login(anna)
    item = make_item("A1")
    dismiss(item, anna)
    second = ReviewItem.objects.open().get()

    html = client.get(f"/admin/queue/{second.pk}/").content.decode()
    assert "Somebody else is asked" in html and 'name="answer"' not in html
    assert "Nothing left for you" in client.get("/admin/queue/").content.decode()
