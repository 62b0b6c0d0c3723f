"""The queue's rules: who holds an item, what stands, what reopens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from moderation.models import Analysis, Decision, Product, ReviewItem
from moderation.services.catalogue import intake
from moderation.services.queue import review, review_claims, review_queue, review_undo
from moderation.services.scoring import analyze, results
from tests.support.factories import MakeItem, MakeUser

pytestmark = pytest.mark.django_db


def confirm(item: ReviewItem, moderator: User) -> Decision:
    return review.decide(item, moderator=moderator, verdict="confirm", reason="other_product")


def score_again(product: Product, similarity: float) -> Analysis:
    """A further finished analysis of the product as it is now."""
    analyze.request([product])
    row = product.analyses.select_related("product", "model_version").latest("id")
    row.threshold_override = 0.5
    results.apply_score(row, similarity)
    row.save()
    results.settle([row])
    return row


def test_the_most_suspicious_comes_first(make_item: MakeItem, make_user: MakeUser) -> None:
    make_item("A1", similarity=0.4)
    worst = make_item("A2", similarity=-0.2)
    make_item("A3", similarity=0.1)

    assert review_claims.claim_next(make_user("anna")) == worst


def test_two_moderators_never_hold_the_same_item(make_item: MakeItem, make_user: MakeUser) -> None:
    make_item("A1"), make_item("A2")
    anna, ben, cleo = make_user("anna"), make_user("ben"), make_user("cleo")

    first, second = review_claims.claim_next(anna), review_claims.claim_next(ben)
    assert first != second
    assert review_claims.claim_next(cleo) is None
    assert review_claims.claim_next(anna) == first  # asking again gives the same item


def test_an_expired_claim_is_free_again(make_item: MakeItem, make_user: MakeUser) -> None:
    item = make_item("A1")
    review_claims.claim_next(make_user("anna"))
    ReviewItem.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))

    assert review_claims.claim_next(make_user("ben")) == item


def test_a_late_decision_says_who_was_faster(make_item: MakeItem, make_user: MakeUser) -> None:
    item = make_item("A1")
    anna, ben = make_user("anna"), make_user("ben")
    review_claims.claim_next(anna)
    ReviewItem.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    review_claims.claim_next(ben)

    with pytest.raises(review.AlreadyDecided, match="ben has this item in hand"):
        confirm(item, anna)
    confirm(item, ben)
    with pytest.raises(review.AlreadyDecided, match="ben has already decided"):
        confirm(item, anna)
    assert Decision.objects.count() == 1


def test_an_expired_claim_that_nobody_took_still_decides(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    item, anna = make_item("A1"), make_user("anna")
    review_claims.claim_next(anna)
    ReviewItem.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))

    assert confirm(item, anna).verdict == "confirm"


def test_a_reason_must_go_with_the_verdict(make_item: MakeItem, make_user: MakeUser) -> None:
    item, anna = make_item("A1"), make_user("anna")

    with pytest.raises(review.ReviewError, match="choose one of"):
        review.decide(item, moderator=anna, verdict="dismiss", reason="other_product")
    item.refresh_from_db()
    assert item.state == "open"


def test_a_skipped_item_goes_to_others_only(make_item: MakeItem, make_user: MakeUser) -> None:
    item, anna, ben = make_item("A1"), make_user("anna"), make_user("ben")
    review.skip(review_claims.claim_next(anna), moderator=anna)

    assert review_claims.claim_next(anna) is None
    assert review_claims.claim_next(ben) == item


def test_undo_reopens_and_keeps_the_record(make_item: MakeItem, make_user: MakeUser) -> None:
    item, anna = make_item("A1"), make_user("anna")
    first = confirm(item, anna)

    assert review_undo.undo(moderator=anna) == item
    item.refresh_from_db()
    assert (item.state, item.claimed_by) == ("open", anna)
    assert [d.verdict for d in Decision.objects.order_by("id")] == ["confirm", "undo"]
    assert not Decision.objects.standing().exists()
    second = review.decide(item, moderator=anna, verdict="dismiss", reason="matches")
    assert list(Decision.objects.standing()) == [second]
    assert first.corrected_by.verdict == "undo"


def test_only_ones_own_decisions_can_be_undone(make_item: MakeItem, make_user: MakeUser) -> None:
    confirm(make_item("A1"), make_user("anna"))

    with pytest.raises(review.ReviewError, match="nothing of yours"):
        review_undo.undo(moderator=make_user("ben"))


def test_several_decisions_are_undone_newest_first(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    anna = make_user("anna")
    items = [make_item("A1"), make_item("A2")]
    for item in items:
        confirm(item, anna)

    assert review_undo.undo(moderator=anna) == items[1]
    assert review_undo.undo(moderator=anna) == items[0]


@pytest.mark.parametrize("change", ["UPDATE moderation_decision SET note = 'x'", "DELETE FROM"])
def test_the_database_refuses_to_change_a_decision(
    make_item: MakeItem, make_user: MakeUser, change: str
) -> None:
    confirm(make_item("A1"), make_user("anna"))
    sql = change if change.startswith("UPDATE") else "DELETE FROM moderation_decision"

    with (
        pytest.raises(DatabaseError, match="append only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)


def test_what_was_decided_stays_decided_when_scored_again(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    item = make_item("A1")
    confirm(item, make_user("anna"))
    score_again(item.product, similarity=-0.5)

    assert not ReviewItem.objects.open().exists()


def test_a_changed_text_reopens(make_item: MakeItem, make_user: MakeUser) -> None:
    item = make_item("A1")
    confirm(item, make_user("anna"))
    listing = intake.Listing(external_id="A1", text="Another text", image=None)
    product, _ = intake.take(listing, source="import")
    row = score_again(product, similarity=0.1)

    assert ReviewItem.objects.open().get().analysis == row


def change_text(external_id: str, text: str = "Another text") -> Product:
    listing = intake.Listing(external_id=external_id, text=text, image=None)
    return intake.take(listing, source="import")[0]


def test_an_open_item_about_a_former_text_leaves_at_once(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    item, anna = make_item("A1"), make_user("anna")
    review_claims.claim_next(anna)
    change_text("A1")

    item.refresh_from_db()
    assert item.state == "withdrawn"
    with pytest.raises(review.AlreadyDecided, match="left the queue"):
        confirm(item, anna)


def test_nobody_decides_on_a_text_that_is_no_longer_there(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    item, anna = make_item("A1"), make_user("anna")
    Product.objects.filter(pk=item.product_id).update(content_hash="changed under the item")

    with pytest.raises(review.AlreadyDecided):
        confirm(item, anna)
    assert not Decision.objects.exists()


def test_an_undo_after_the_text_changed_is_refused(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    anna = make_user("anna")
    confirm(make_item("A1"), anna)
    change_text("A1")

    with pytest.raises(review.ReviewError, match="has changed"):
        review_undo.undo(moderator=anna)


def test_an_open_item_moves_with_a_new_score_and_keeps_its_claim(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    item, anna = make_item("A1", similarity=0.4), make_user("anna")
    review_claims.claim_next(anna)
    row = score_again(item.product, similarity=-0.3)

    item.refresh_from_db()
    assert (item.analysis, item.claimed_by) == (row, anna)


def test_an_open_item_leaves_when_no_longer_flagged(
    make_item: MakeItem, make_user: MakeUser
) -> None:
    item = make_item("A1")
    score_again(item.product, similarity=0.9)

    item.refresh_from_db()
    assert item.state == "withdrawn"
    with pytest.raises(review.AlreadyDecided, match="left the queue"):
        confirm(item, make_user("anna"))


def test_the_counts_tell_open_decided_and_oldest(make_item: MakeItem, make_user: MakeUser) -> None:
    items = [make_item(f"A{number}") for number in range(3)]
    anna = make_user("anna")
    for item in items[:2]:
        confirm(item, anna)
    review_undo.undo(moderator=anna)

    counts = review_queue.counts()
    assert (counts.open, counts.decided_today) == (2, 1)
    assert counts.oldest == min(i.opened_at for i in ReviewItem.objects.open())
