"""One verdict for a group of similar items, and one undo that takes all of it back."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from moderation.models import Decision, ReviewItem, SimilarGroup
from moderation.services.catalogue import intake
from moderation.services.queue import review, review_claims, review_undo
from tests.support.factories import MakeItem, MakeUser

pytestmark = pytest.mark.django_db


@pytest.fixture
def group(make_item: MakeItem) -> list[ReviewItem]:
    """Four items that somebody found to be alike."""
    items = [make_item(f"A{number}", similarity=number / 100) for number in range(4)]
    alike = SimilarGroup.objects.create()
    ReviewItem.objects.update(group=alike)
    return [ReviewItem.objects.get(pk=item.pk) for item in items]


def decide(item: ReviewItem, moderator: User, *, also: list[ReviewItem]) -> Decision:
    return review.decide(
        item,
        moderator=moderator,
        verdict="confirm",
        reason="other_colour",
        wrong_side="text",
        also=[one.pk for one in also],
    )


def test_one_verdict_closes_the_chosen_members_and_marks_them(
    group: list[ReviewItem], anna: User
) -> None:
    decision = decide(group[0], anna, also=group[1:3])

    followers = Decision.objects.filter(propagated_from=decision).order_by("item")
    assert [row.item for row in followers] == group[1:3]
    assert {(row.mode, row.verdict, row.reason, row.wrong_side) for row in followers} == {
        ("group", "confirm", "other_colour", "text")
    }
    assert {row.act for row in followers} == {decision.act} != {None}
    assert {row.seconds for row in followers} == {None}
    assert list(ReviewItem.objects.open()) == [group[3]]  # deselected


def test_one_undo_takes_all_of_it_back(group: list[ReviewItem], anna: User) -> None:
    decide(group[0], anna, also=group[1:])

    assert review_undo.undo(moderator=anna) == group[0]

    assert ReviewItem.objects.open().count() == 4
    assert not Decision.objects.standing().exists()
    assert list(ReviewItem.objects.held_by(anna)) == [group[0]]


def test_a_member_that_somebody_has_in_hand_is_left_to_them(
    group: list[ReviewItem], anna: User, make_user: MakeUser
) -> None:
    ben = make_user("ben")
    review_claims.claim(group[1], moderator=ben)

    decision = decide(group[0], anna, also=group[1:])

    assert [row.item for row in decision.propagated.order_by("item")] == group[2:]
    assert list(ReviewItem.objects.held_by(ben)) == [group[1]]


def test_what_is_no_member_blind_or_escalated_never_follows(
    group: list[ReviewItem], anna: User, make_item: MakeItem, make_user: MakeUser
) -> None:
    make_user("lea", group="lead")
    stranger = make_item("B1")
    ReviewItem.objects.filter(pk=group[1].pk).update(in_audit=True)
    review.escalate(group[2], moderator=anna)

    decision = decide(group[0], anna, also=[stranger, *group[1:3]])

    assert not decision.propagated.exists()
    assert ReviewItem.objects.open().count() == 4


def test_a_member_whose_text_changed_meanwhile_stays_as_it_is(
    group: list[ReviewItem], anna: User
) -> None:
    decide(group[0], anna, also=group[1:2])
    listing = intake.Listing(external_id="A1", text="Another text", image=None)
    intake.take(listing, source="import")

    assert review_undo.undo(moderator=anna) == group[0]
    assert ReviewItem.objects.get(pk=group[1].pk).state == "decided"
    assert not Decision.objects.standing().exists()
