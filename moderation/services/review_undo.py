"""Taking back: the last ten decisions of a moderator, one after the other, while nothing left.

A decision stays on record; a new row says that it was undone. What was told to the shop already is
not taken back in silence: an appeal corrects it, by somebody else.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from moderation.models import Decision, Product, ReviewItem
from moderation.models.querysets import DecisionQuerySet

from . import review_claims, webhooks
from .review import ReviewError

OPEN, DECIDED = ReviewItem.State.OPEN, ReviewItem.State.DECIDED
WITHDRAWN = ReviewItem.State.WITHDRAWN
UNDO, GROUP = Decision.Verdict.UNDO, Decision.Mode.GROUP

AT_MOST = 10


def last_decision(moderator: User) -> Decision | None:
    """This moderator's newest verdict that stands and is among their last ten, or None."""
    last_ten = _own(moderator).order_by("-id").values_list("pk", flat=True)[:AT_MOST]
    return (
        Decision.objects.standing()
        .filter(pk__in=list(last_ten))
        .select_related("item", "analysis")
        .order_by("-id")
        .first()
    )


def undo(*, moderator: User) -> ReviewItem:
    """Take back this moderator's last standing decision; the item reopens in their hands.

    What a similar item took over of it is taken back with it. A second opinion that nobody gave
    yet is no longer asked for. Raises `ReviewError` where there is nothing to undo, where the
    shop has been told already, or where the product has changed since.
    """
    with transaction.atomic():
        last = last_decision(moderator)
        if last is None:
            raise ReviewError(_nothing_left(moderator))
        followers = _taken_over(last)
        rows = [last, *followers]
        # Locked, so that no analysis opens another item of these products meanwhile.
        ids = [row.item.product_id for row in rows]
        locked = Product.objects.select_for_update().filter(pk__in=ids).order_by("pk")
        contents = dict(locked.values_list("pk", "content_hash"))
        if contents[last.item.product_id] != last.analysis.content_hash:
            raise ReviewError(
                "This decision cannot be undone: the photo or text of the product has changed."
            )
        if not _reopen(last, moderator=moderator):
            raise ReviewError(
                "This decision cannot be undone: it has just been undone, or the product is in "
                "the queue again already."
            )
        for row in followers:
            if contents[row.item.product_id] == row.analysis.content_hash:
                _reopen(row, moderator=None)
        if not webhooks.take_back(rows):
            raise ReviewError(
                "This decision cannot be undone: the shop has been told of it. If it is wrong, "
                "let the shop appeal; somebody else then decides."
            )
        Decision.objects.bulk_create(_undone(row) for row in rows)
    last.item.refresh_from_db()
    return last.item


def _own(moderator: User) -> DecisionQuerySet:
    """What this person decided with their own hands: neither undone rows nor taken over ones."""
    modes = (Decision.Mode.QUEUE, Decision.Mode.API)
    return Decision.objects.filter(moderator=moderator, mode__in=modes).exclude(verdict=UNDO)


def _nothing_left(moderator: User) -> str:
    if _own(moderator).order_by("-id")[AT_MOST : AT_MOST + 1].exists():
        return f"Only your last {AT_MOST} decisions can be undone."
    return "There is no decision of yours to undo."


def _taken_over(decision: Decision) -> list[Decision]:
    rows = Decision.objects.standing().filter(propagated_from=decision, mode=GROUP)
    return list(rows.select_related("item", "analysis").order_by("pk"))


def _reopen(decision: Decision, *, moderator: User | None) -> bool:
    """Put an item back into the queue, into these hands; False where it is there in another way."""
    item = decision.item
    ReviewItem.objects.open().filter(second_of=item).update(state=WITHDRAWN, **review_claims.FREE)
    if ReviewItem.objects.open().filter(product=item.product_id).exists():
        return False
    now = timezone.now()
    hands = {
        "claimed_by": moderator,
        "claimed_until": review_claims.lease_end(),
        "claimed_at": now,
        "shown_at": now,
    }
    # Conditional, so that of two undos at the same moment only one reopens.
    reopened = ReviewItem.objects.filter(pk=item.pk, state=DECIDED).update(
        state=OPEN, **(hands if moderator else review_claims.FREE)
    )
    if reopened and moderator:
        review_claims.show(item, moderator=moderator)
    return bool(reopened)


def _undone(row: Decision) -> Decision:
    return Decision(
        item=row.item,
        analysis=row.analysis,
        moderator=row.moderator,
        verdict=UNDO,
        mode=row.mode,
        act=row.act,
        corrects=row,
    )
