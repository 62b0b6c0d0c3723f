"""Claims of the queue: soft holds, leases, the leads' own queue, skip and escalation."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from moderation.models import Decision, ReviewItem, Skip
from moderation.services.queue import review, review_claims, review_undo, second_person
from moderation.services.queue.desk import LEADS
from tests.support.factories import MakeItem, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def items(make_item: MakeItem) -> list[ReviewItem]:
    return [make_item(f"A{number}", similarity=number / 100) for number in range(6)]


def fresh(item: ReviewItem) -> ReviewItem:
    return ReviewItem.objects.get(pk=item.pk)


# ── What is fetched ahead ─────────────────────────────────────────────────────────────────────
def test_what_is_fetched_ahead_is_held_but_not_seen(
    items: list[ReviewItem], anna: User, ben: User
) -> None:
    assert review_claims.claim_next(anna) == items[0]

    assert review_claims.reserve(anna, ahead=3) == items[:4]

    assert fresh(items[0]).shown_at is not None
    assert [fresh(item).shown_at for item in items[1:4]] == [None] * 3
    assert review_claims.claim_next(ben) == items[4]  # nobody is given what another page holds


def test_to_fetch_again_takes_nothing_more(items: list[ReviewItem], anna: User) -> None:
    first = review_claims.reserve(anna, ahead=3)

    assert review_claims.reserve(anna, ahead=3) == first
    assert ReviewItem.objects.held_by(anna).count() == 4


def test_what_was_fetched_comes_next_and_in_its_order(items: list[ReviewItem], anna: User) -> None:
    review_claims.claim_next(anna)
    review_claims.reserve(anna, ahead=2)
    review.decide(items[0], moderator=anna, verdict="dismiss", reason="matches")

    assert review_claims.claim_next(anna) == items[1]
    assert fresh(items[1]).shown_at is not None
    assert review_claims.held(anna) == items[1:3]


def test_leaving_and_a_lease_that_ran_out_give_everything_back(
    items: list[ReviewItem], anna: User, ben: User
) -> None:
    review_claims.reserve(anna, ahead=5)
    assert review_claims.claim_next(ben) is None

    assert review_claims.release(anna) == 6
    assert fresh(items[0]).claimed_at is None
    assert review_claims.claim_next(ben) == items[0]
    ReviewItem.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert review_claims.claim_next(anna) == items[0]


def test_a_sign_of_life_is_one_for_what_was_fetched_too(
    items: list[ReviewItem], anna: User
) -> None:
    review_claims.reserve(anna, ahead=1)
    soon = timezone.now() + timedelta(seconds=2)
    ReviewItem.objects.filter(claimed_by=anna).update(claimed_until=soon)

    review_claims.renew_all(anna)

    assert all(item.claimed_until > soon for item in review_claims.held(anna))


def test_who_decided_in_another_window_is_told_so(items: list[ReviewItem], anna: User) -> None:
    review.decide(items[0], moderator=anna, verdict="dismiss", reason="matches")

    with pytest.raises(review.AlreadyDecided, match="You have already decided this item"):
        review.decide(items[0], moderator=anna, verdict="dismiss", reason="matches")


def test_a_sign_of_life_holds_what_was_fetched_ahead_no_longer_than_softly(
    items: list[ReviewItem], anna: User
) -> None:
    shown, ahead = review_claims.reserve(anna, ahead=1)
    review_claims.show(shown, moderator=anna)

    review_claims.renew_all(anna)
    assert review_claims.keep(ahead, moderator=anna)

    assert fresh(ahead).claimed_until <= review_claims.soft_lease_end()
    assert fresh(shown).claimed_until > review_claims.soft_lease_end()


# ── Skip and escalate ─────────────────────────────────────────────────────────────────────────
def test_a_skip_keeps_its_reason(items: list[ReviewItem], anna: User) -> None:
    review.skip(items[0], moderator=anna, reason="language")

    assert Skip.objects.get().reason == "language"
    with pytest.raises(review.ReviewError, match="“lazy” is not known; choose one of"):
        review.skip(items[1], moderator=anna, reason="lazy")


def test_the_third_skip_escalates(
    make_item: MakeItem, make_user: MakeUser, anna: User, ben: User, lead: User
) -> None:
    item = make_item("A1")
    assert not review.skip(item, moderator=anna)
    assert not review.skip(item, moderator=anna)  # the same person again counts once
    assert not review.skip(item, moderator=ben)
    assert review.skip(item, moderator=make_user("cleo"))

    assert fresh(item).escalation == "skipped"
    assert review_claims.claim_next(make_user("dora")) is None
    assert review_claims.claim_next(lead, desk=LEADS) == item


def leave(user: User) -> None:
    user.is_active = False
    user.save()


def test_what_somebody_asked_who_has_left_is_decided_by_a_lead(
    make_item: MakeItem, anna: User, lead: User
) -> None:
    item = make_item("A1")
    review.escalate(item, moderator=anna)
    leave(anna)

    assert review_claims.claim_next(lead, desk=LEADS) == item
    assert review.decide(item, moderator=lead, verdict="dismiss", reason="matches")


def test_what_a_lead_asked_one_who_has_left_is_theirs_again(
    make_item: MakeItem, lead: User, make_user: MakeUser
) -> None:
    item, other = make_item("A1"), make_user("lou", group="lead")
    review.escalate(item, moderator=lead)
    assert review_claims.claim_next(lead, desk=LEADS) is None
    leave(other)

    assert review_claims.claim_next(lead, desk=LEADS) == item
    assert second_person.waiting_besides(lead) == 0
    assert review.decide(item, moderator=lead, verdict="dismiss", reason="matches")


def test_an_escalated_item_waits_for_a_lead_who_did_not_ask(
    make_item: MakeItem, anna: User, ben: User, lead: User, make_user: MakeUser
) -> None:
    item = make_item("A1")
    review_claims.claim_next(lead)
    with pytest.raises(review.ReviewError, match="no other lead who could decide it"):
        review.escalate(item, moderator=lead)
    other = make_user("lou", group="lead")
    review.escalate(item, moderator=lead, note="Is this a brand of ours?")

    assert review_claims.claim_next(ben) is None
    assert review_claims.claim_next(lead, desk=LEADS) is None
    with pytest.raises(review.ReviewError, match="You asked a lead about this item"):
        review.decide(item, moderator=lead, verdict="dismiss", reason="matches")
    with pytest.raises(review.ReviewError, match="it waits for a lead"):
        review.decide(item, moderator=ben, verdict="dismiss", reason="matches")
    assert review_claims.claim_next(other, desk=LEADS) == item
    assert review.decide(item, moderator=other, verdict="dismiss", reason="matches")


def test_escalating_twice_or_what_another_holds_is_refused(
    items: list[ReviewItem], anna: User, ben: User, lead: User
) -> None:
    review.escalate(items[0], moderator=anna)
    with pytest.raises(review.ReviewError, match="waits for a lead already"):
        review.escalate(items[0], moderator=ben)
    review_claims.claim(items[1], moderator=ben)
    with pytest.raises(review.AlreadyDecided, match="ben has this item in hand"):
        review.escalate(items[1], moderator=anna)


def test_what_all_leads_skipped_still_comes_to_them(
    items: list[ReviewItem], anna: User, lead: User
) -> None:
    review.escalate(items[0], moderator=anna)
    review.escalate(items[1], moderator=anna)
    review.skip(items[0], moderator=lead)

    assert review_claims.claim_next(lead, desk=LEADS) == items[1]
    review.skip(items[1], moderator=lead)
    assert review_claims.claim_next(lead, desk=LEADS) == items[0]


def test_a_sign_of_life_takes_anew_what_was_lost_but_not_what_was_skipped(
    items: list[ReviewItem], anna: User
) -> None:
    item = review_claims.claim_next(anna)
    assert item is not None
    picked = item.picked_by
    review_claims.release(anna)

    assert review_claims.keep(item, moderator=anna)
    assert fresh(item).picked_by == picked == "suspicious"
    review.skip(item, moderator=anna)
    assert not review_claims.keep(fresh(item), moderator=anna)


# ── Undo ──────────────────────────────────────────────────────────────────────────────────────
def test_ten_decisions_are_taken_back_and_no_eleventh(make_item: MakeItem, anna: User) -> None:
    made = [make_item(f"A{number}", similarity=number / 100) for number in range(11)]
    for item in made:
        review.decide(item, moderator=anna, verdict="dismiss", reason="matches")

    assert [review_undo.undo(moderator=anna) for _ in range(10)] == made[:0:-1]
    with pytest.raises(review.ReviewError, match="Only your last 10 acts"):
        review_undo.undo(moderator=anna)
    assert Decision.objects.standing().get().item == made[0]


def test_an_undone_item_is_in_hand_before_what_was_fetched(
    items: list[ReviewItem], anna: User
) -> None:
    review_claims.claim_next(anna)
    review_claims.reserve(anna, ahead=1)
    review.decide(items[0], moderator=anna, verdict="dismiss", reason="matches")
    review_claims.claim_next(anna)

    review_undo.undo(moderator=anna)

    assert review_claims.held(anna) == items[:2]
    assert review_claims.claim_next(anna) == items[0]


def test_an_undo_means_the_decision_it_names(items: list[ReviewItem], anna: User) -> None:
    first, second = (
        review.decide(item, moderator=anna, verdict="dismiss", reason="matches")
        for item in items[:2]
    )

    for meant in ({"decision": first.pk}, {"item": items[0].pk}):
        with pytest.raises(review.ReviewError, match="what you did last is something else"):
            review_undo.undo(moderator=anna, **meant)
    assert review_undo.undo(moderator=anna, decision=second.pk) == items[1]


def test_one_press_of_many_decisions_is_one_of_the_ten(make_item: MakeItem, anna: User) -> None:
    made = [make_item(f"A{number}", similarity=number / 100) for number in range(14)]
    review.decide(made[0], moderator=anna, verdict="dismiss", reason="matches")
    act = uuid.uuid4()
    for item in made[1:]:
        review.decide(item, moderator=anna, verdict="dismiss", reason="matches", act=act)

    review_undo.undo(moderator=anna)
    assert Decision.objects.standing().get().item == made[0]
    assert review_undo.undo(moderator=anna) == made[0]
