"""Taking back a skip or a question to a lead: while nobody has the item, and in its turn."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from moderation.models import Decision, ReviewItem, Skip
from moderation.services.queue import last_acts, review, review_batch, review_claims, review_undo
from moderation.services.queue.desk import LEADS
from tests.support.factories import MakeItem, MakeUser

pytestmark = pytest.mark.django_db


def skipped(item: ReviewItem, moderator: User) -> ReviewItem:
    review.skip(item, moderator=moderator)
    return item


def decided(item: ReviewItem, moderator: User) -> Decision:
    return review.decide(item, moderator=moderator, verdict="dismiss", reason="matches")


def test_a_skip_is_taken_back_into_the_same_hands(make_item: MakeItem, anna: User) -> None:
    item, other = skipped(make_item("A"), anna), make_item("B")
    review_claims.claim_next(anna)

    assert review_undo.undo(moderator=anna) == item
    assert not Skip.objects.exists()
    assert review_claims.claim_next(anna) == item
    assert other in review_claims.held(anna)


def test_a_question_to_a_lead_is_taken_back(make_item: MakeItem, anna: User, lead: User) -> None:
    item = make_item("A")
    review.escalate(item, moderator=anna, note="A forgery?")

    assert review_undo.undo(moderator=anna) == item
    item.refresh_from_db()
    assert (item.escalated_at, item.escalated_by, item.escalation, item.escalation_note) == (
        None,
        None,
        "",
        "",
    )
    assert decided(item, anna).verdict == "dismiss"


def test_acts_are_taken_back_newest_first_whatever_they_are(
    make_item: MakeItem, anna: User, lead: User
) -> None:
    a, b, c, d = (make_item(name) for name in "ABCD")
    decided(a, anna)
    skipped(b, anna)
    decided(c, anna)
    review.escalate(d, moderator=anna)

    assert [review_undo.undo(moderator=anna) for _ in range(4)] == [d, c, b, a]
    with pytest.raises(review.ReviewError, match="nothing of yours"):
        review_undo.undo(moderator=anna)


def test_what_somebody_took_meanwhile_is_theirs(
    make_item: MakeItem, make_user: MakeUser, anna: User
) -> None:
    item, ben = skipped(make_item("A"), anna), make_user("ben")
    assert review_claims.claim_next(ben) == item

    assert review_undo.last_act(anna) is None
    with pytest.raises(review.ReviewError, match="ben has this item in hand now"):
        review_undo.undo(moderator=anna, item=item.pk)
    item.refresh_from_db()
    assert item.claimed_by == ben and Skip.objects.count() == 1


def test_an_undo_that_means_a_skip_takes_back_nothing_else(
    make_item: MakeItem, make_user: MakeUser, anna: User
) -> None:
    decided(make_item("A"), anna)
    item = skipped(make_item("B"), anna)
    decided(item, make_user("ben"))

    with pytest.raises(review.ReviewError, match="ben has already decided this item"):
        review_undo.undo(moderator=anna, item=item.pk)
    assert Decision.objects.standing().count() == 2


def test_an_undo_that_means_a_decision_takes_back_no_skip(make_item: MakeItem, anna: User) -> None:
    decision = decided(make_item("A"), anna)
    skipped(make_item("B"), anna)

    with pytest.raises(review.ReviewError, match="what you did last is something else"):
        review_undo.undo(moderator=anna, decision=decision.pk)
    assert Skip.objects.count() == 1 and Decision.objects.standing().count() == 1


def test_the_third_skip_taken_back_takes_the_item_from_the_leads(
    make_item: MakeItem, make_user: MakeUser, anna: User, lead: User
) -> None:
    item = make_item("A")
    for name in ("ben", "cleo"):
        skipped(item, make_user(name))
    skipped(item, anna)
    item.refresh_from_db()
    assert item.escalation == "skipped"

    review_undo.undo(moderator=anna)
    item.refresh_from_db()
    assert (item.escalated_at, item.escalation, item.claimed_by) == (None, "", anna)


def test_the_fourth_skip_taken_back_leaves_it_with_the_leads(
    make_item: MakeItem, make_user: MakeUser, lead: User
) -> None:
    item = make_item("A")
    for name in ("anna", "ben", "cleo"):
        skipped(item, make_user(name))
    skipped(item, lead)

    assert review_undo.undo(moderator=lead) == item
    item.refresh_from_db()
    assert (item.escalation, item.claimed_by) == ("skipped", lead)


def test_a_skip_before_somebody_asked_a_lead_stays(
    make_item: MakeItem, make_user: MakeUser, anna: User, lead: User
) -> None:
    item = skipped(make_item("A"), anna)
    review.escalate(item, moderator=make_user("ben"))

    assert review_undo.last_act(anna) is None


def test_a_skip_older_than_the_last_ten_acts_stays(make_item: MakeItem, anna: User) -> None:
    skipped(make_item("A"), anna)
    for number in range(10):
        decided(make_item(f"B{number}"), anna)

    for _ in range(10):
        review_undo.undo(moderator=anna)
    with pytest.raises(review.ReviewError):
        review_undo.undo(moderator=anna)
    assert Skip.objects.count() == 1


def test_a_decision_older_than_ten_skips_stays(make_item: MakeItem, anna: User) -> None:
    decided(make_item("A"), anna)
    for number in range(10):
        skipped(make_item(f"B{number}"), anna)

    acts = last_acts.of(anna)
    assert len(acts) == 10 and not any(act.decisions for act in acts)


def test_what_was_passed_on_yesterday_stays(make_item: MakeItem, anna: User, lead: User) -> None:
    item, asked = skipped(make_item("A"), anna), make_item("B")
    review.escalate(asked, moderator=anna)
    before = timezone.now() - timedelta(hours=25)
    Skip.objects.filter(item=item).update(created_at=before)
    ReviewItem.objects.filter(pk=asked.pk).update(escalated_at=before)

    assert review_undo.last_act(anna) is None


def test_what_comes_round_to_the_same_lead_is_still_theirs_to_take_back(
    make_item: MakeItem, anna: User, lead: User
) -> None:
    decided(make_item("X"), lead)
    item = make_item("A")
    review.escalate(item, moderator=anna)
    assert review_claims.claim_next(lead, desk=LEADS) == item
    skipped(item, lead)
    assert review_claims.reserve(lead, ahead=3, desk=LEADS) == [item]

    assert review_undo.undo(moderator=lead, item=item.pk) == item
    assert not Skip.objects.exists() and Decision.objects.standing().count() == 1


def test_the_second_skip_of_an_item_is_the_one_that_counts(make_item: MakeItem, lead: User) -> None:
    item = skipped(make_item("A"), lead)
    decided(make_item("B"), lead)
    skipped(item, lead)

    assert review_undo.undo(moderator=lead) == item
    assert Decision.objects.standing().count() == 1


def test_what_others_skips_keep_with_the_leads_stays_there(
    make_item: MakeItem, make_user: MakeUser, anna: User, lead: User
) -> None:
    item = make_item("A")
    for moderator in (anna, make_user("ben"), make_user("cleo"), lead):
        skipped(item, moderator)

    assert review_undo.last_act(anna) is None


def test_the_skips_of_a_grid_go_with_its_decisions(make_item: MakeItem, anna: User) -> None:
    items = [make_item(name) for name in "ABC"]
    review_batch.decide(items, moderator=anna, mismatches=[], reason="", skipped=[items[2].pk])
    assert Skip.objects.count() == 1

    assert review_undo.undo(moderator=anna) == items[1]
    assert not Skip.objects.exists() and not Decision.objects.standing().exists()


def test_a_grid_of_which_nothing_was_decided_is_an_act_too(make_item: MakeItem, anna: User) -> None:
    decided(make_item("X"), anna)
    items = [make_item(name) for name in "AB"]
    everything = [item.pk for item in items]
    review_batch.decide(items, moderator=anna, mismatches=[], reason="", skipped=everything)

    assert review_undo.undo(moderator=anna) == items[1]
    assert not Skip.objects.exists() and Decision.objects.standing().count() == 1


def test_a_grid_taken_back_takes_from_the_leads_what_its_skip_sent_there(
    make_item: MakeItem, make_user: MakeUser, anna: User
) -> None:
    items = [make_item(name) for name in "AB"]
    for name in ("ben", "cleo"):
        skipped(items[1], make_user(name))
    review_batch.decide(items, moderator=anna, mismatches=[], reason="", skipped=[items[1].pk])
    items[1].refresh_from_db()
    assert items[1].escalation == "skipped"

    review_undo.undo(moderator=anna)
    items[1].refresh_from_db()
    assert (items[1].escalation, items[1].escalated_at) == ("", None)


def test_a_photo_that_changed_meanwhile_is_another_item(make_item: MakeItem, anna: User) -> None:
    item = skipped(make_item("A"), anna)
    ReviewItem.objects.filter(pk=item.pk).update(state="withdrawn")

    assert review_undo.last_act(anna) is None
