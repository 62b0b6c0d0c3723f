"""Taking back a skip or a question to a lead: while nobody has the item, and in its turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from moderation.models import Decision, ReviewItem, Skip
from moderation.services.queue import review, review_batch, review_claims, review_undo

pytestmark = pytest.mark.django_db

Make = Callable[..., Any]


@pytest.fixture
def anna(make_user: Make) -> User:
    return make_user("anna")


@pytest.fixture
def lead(make_user: Make) -> User:
    return make_user("lea", group="lead")


def skipped(item: ReviewItem, moderator: User) -> ReviewItem:
    review.skip(item, moderator=moderator)
    return item


def decided(item: ReviewItem, moderator: User) -> Decision:
    return review.decide(item, moderator=moderator, verdict="dismiss", reason="matches")


def test_a_skip_is_taken_back_into_the_same_hands(make_item: Make, anna: User) -> None:
    item, other = skipped(make_item("A"), anna), make_item("B")
    review_claims.claim_next(anna)

    assert review_undo.undo(moderator=anna) == item
    assert not Skip.objects.exists()
    assert review_claims.claim_next(anna) == item
    assert other in review_claims.held(anna)


def test_a_question_to_a_lead_is_taken_back(make_item: Make, anna: User, lead: User) -> None:
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
    make_item: Make, anna: User, lead: User
) -> None:
    a, b, c, d = (make_item(name) for name in "ABCD")
    decided(a, anna)
    skipped(b, anna)
    decided(c, anna)
    review.escalate(d, moderator=anna)

    assert [review_undo.undo(moderator=anna) for _ in range(4)] == [d, c, b, a]
    with pytest.raises(review.ReviewError, match="no decision of yours"):
        review_undo.undo(moderator=anna)


def test_what_somebody_took_meanwhile_is_theirs(
    make_item: Make, make_user: Make, anna: User
) -> None:
    item, ben = skipped(make_item("A"), anna), make_user("ben")
    assert review_claims.claim_next(ben) == item

    assert review_undo.last_act(anna) is None
    with pytest.raises(review.ReviewError):
        review_undo.undo(moderator=anna, item=item.pk)
    item.refresh_from_db()
    assert item.claimed_by == ben and Skip.objects.count() == 1


def test_an_undo_that_means_a_skip_takes_back_nothing_else(
    make_item: Make, make_user: Make, anna: User
) -> None:
    decided(make_item("A"), anna)
    item = skipped(make_item("B"), anna)
    decided(item, make_user("ben"))

    with pytest.raises(review_undo.AnotherAct):
        review_undo.undo(moderator=anna, item=item.pk)
    assert Decision.objects.standing().count() == 2


def test_an_undo_that_means_a_decision_takes_back_no_skip(make_item: Make, anna: User) -> None:
    decision = decided(make_item("A"), anna)
    skipped(make_item("B"), anna)

    with pytest.raises(review_undo.AnotherAct):
        review_undo.undo(moderator=anna, decision=decision.pk)
    assert Skip.objects.count() == 1 and Decision.objects.standing().count() == 1


def test_the_third_skip_taken_back_takes_the_item_from_the_leads(
    make_item: Make, make_user: Make, anna: User, lead: User
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
    make_item: Make, make_user: Make, lead: User
) -> None:
    item = make_item("A")
    for name in ("anna", "ben", "cleo"):
        skipped(item, make_user(name))
    skipped(item, lead)

    assert review_undo.undo(moderator=lead) == item
    item.refresh_from_db()
    assert (item.escalation, item.claimed_by) == ("skipped", lead)


def test_a_skip_before_somebody_asked_a_lead_stays(
    make_item: Make, make_user: Make, anna: User, lead: User
) -> None:
    item = skipped(make_item("A"), anna)
    review.escalate(item, moderator=make_user("ben"))

    assert review_undo.last_act(anna) is None


def test_a_skip_older_than_the_last_ten_acts_stays(make_item: Make, anna: User) -> None:
    skipped(make_item("A"), anna)
    for number in range(10):
        decided(make_item(f"B{number}"), anna)

    for _ in range(10):
        review_undo.undo(moderator=anna)
    with pytest.raises(review.ReviewError):
        review_undo.undo(moderator=anna)
    assert Skip.objects.count() == 1


def test_the_skips_of_a_grid_go_with_its_decisions(make_item: Make, anna: User) -> None:
    items = [make_item(name) for name in "ABC"]
    review_batch.decide(items, moderator=anna, mismatches=[], reason="", skipped=[items[2].pk])
    assert Skip.objects.count() == 1

    assert review_undo.undo(moderator=anna) == items[1]
    assert not Skip.objects.exists() and not Decision.objects.standing().exists()


def test_a_photo_that_changed_meanwhile_is_another_item(make_item: Make, anna: User) -> None:
    item = skipped(make_item("A"), anna)
    ReviewItem.objects.filter(pk=item.pk).update(state="withdrawn")

    assert review_undo.last_act(anna) is None
