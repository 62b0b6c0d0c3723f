"""What moderators do with an item of the queue: decide, skip, undo."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from moderation.models import Decision, Product, ReviewItem, Skip

from . import audit, review_claims, review_queue

OPEN, DECIDED = ReviewItem.State.OPEN, ReviewItem.State.DECIDED
WITHDRAWN = ReviewItem.State.WITHDRAWN
UNDO = Decision.Verdict.UNDO


class ReviewError(Exception):
    """A review action that cannot be done; `str(error)` is a sentence for the moderator."""


class AlreadyDecided(ReviewError):  # noqa: N818 - the sentence is the name's point
    """Somebody else was faster, or the item left the queue."""


def decide(
    item: ReviewItem,
    *,
    moderator: User,
    verdict: str,
    reason: str = "",
    wrong_side: str = "",
    note: str = "",
    seconds: float | None = None,
) -> Decision:
    """Confirm or dismiss an item and close it; where gold is drawn, a second opinion is asked.

    A claim that ran out is no obstacle while nobody else took the item. Raises `AlreadyDecided`
    where somebody did, or where the item has left the queue, and `ReviewError` for a reason that
    does not go with the verdict or a second opinion on one's own decision.
    """
    _check_reason(verdict, reason)
    if review_claims.has_judged_before(item, moderator=moderator):
        raise ReviewError("You decided this listing before; the second opinion is somebody else's.")
    with transaction.atomic():
        # First, as whoever scores it does: no analysis opens another item of it meanwhile.
        product = Product.objects.select_for_update().get(pk=item.product_id)
        free_or_mine = ReviewItem.objects.unclaimed() | ReviewItem.objects.held_by(moderator)
        # No other table in this condition: PostgreSQL does not look there again after a lock.
        if not free_or_mine.filter(pk=item.pk).update(
            state=DECIDED, claimed_by=None, claimed_until=None
        ):
            raise AlreadyDecided(who_was_faster(item))
        item = ReviewItem.objects.select_related("analysis").get(pk=item.pk)
        # What was shown is the analysis' photo and text: it must be what the product still has.
        if item.analysis.content_hash != product.content_hash:
            raise AlreadyDecided("This item has left the queue: its photo or text changed.")
        if item.second_of_id is None and audit.drawn_for_gold(product.external_id):
            review_queue.ask_second(item)
        return Decision.objects.create(
            item=item,
            analysis_id=item.analysis_id,
            moderator=moderator,
            verdict=verdict,
            reason=reason,
            wrong_side=wrong_side,
            note=note,
            seconds=seconds,
            stratum=item.stratum,
            picked_by=item.picked_by or ReviewItem.Pick.CHOSEN,
            sampling_probability=item.sampling_probability,
        )


def _check_reason(verdict: str, reason: str) -> None:
    allowed = Decision.REASONS_FOR.get(Decision.Verdict(verdict), [])
    if reason not in allowed:
        raise ReviewError(
            f"The reason {reason or 'was left out; it'} does not go with this decision; "
            f"choose one of: {', '.join(str(r.label) for r in allowed)}."
        )


def who_was_faster(item: ReviewItem) -> str:
    """Why an item cannot be had: who decided it, who holds it, or that it left the queue."""
    item = ReviewItem.objects.select_related("claimed_by").get(pk=item.pk)
    last = item.decisions.standing().select_related("moderator").first()
    if item.state == DECIDED and last:
        return f"{last.moderator} has already decided this item: {last.get_verdict_display()}."
    if item.state == OPEN and item.claimed_by:
        return f"{item.claimed_by} has this item in hand now."
    return "This item has left the queue: its photo or text changed, or it was scored anew."


def skip(item: ReviewItem, *, moderator: User) -> None:
    """Pass an item on to somebody else; it does not come back to this moderator."""
    with transaction.atomic():
        ReviewItem.objects.held_by(moderator).filter(pk=item.pk).update(
            claimed_by=None, claimed_until=None
        )
        Skip.objects.get_or_create(item=item, moderator=moderator)


def last_decision(moderator: User) -> Decision | None:
    """This moderator's newest verdict that stands: the one an undo would take back."""
    return (
        Decision.objects.standing()
        .by_people()
        .filter(moderator=moderator)
        .select_related("item", "analysis")
        .order_by("-id")
        .first()
    )


def undo(*, moderator: User) -> ReviewItem:
    """Take back this moderator's last standing decision; the item reopens.

    The decision stays on record; a new row says that it was undone. The item comes back into this
    moderator's hands, and a second opinion that nobody gave yet is no longer asked for. Raises
    `ReviewError` where there is nothing to undo.
    """
    with transaction.atomic():
        last = last_decision(moderator)
        if last is None:
            raise ReviewError("There is no decision of yours to undo.")
        item = last.item
        # Locked, so that no analysis opens another item of the product meanwhile.
        product = Product.objects.select_for_update().get(pk=item.product_id)
        if product.content_hash != last.analysis.content_hash:
            raise ReviewError(
                "This decision cannot be undone: the photo or text of the product has changed."
            )
        ReviewItem.objects.open().filter(second_of=item).update(
            state=WITHDRAWN, claimed_by=None, claimed_until=None
        )
        if ReviewItem.objects.open().filter(product=product).exists():
            raise ReviewError(
                "This decision cannot be undone: the product is in the queue again already."
            )
        review_claims.release(moderator)
        # Conditional, so that of two undos at the same moment only one reopens.
        if not ReviewItem.objects.filter(pk=item.pk, state=DECIDED).update(
            state=OPEN, claimed_by=moderator, claimed_until=review_claims.lease_end()
        ):
            raise ReviewError("This decision has just been undone.")
        Decision.objects.create(
            item=item,
            analysis_id=last.analysis_id,
            moderator=moderator,
            verdict=UNDO,
            corrects=last,
        )
    item.refresh_from_db()
    return item
