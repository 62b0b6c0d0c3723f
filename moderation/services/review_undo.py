"""Taking back: the last ten acts of a moderator, one after the other, while nothing left.

An act is one decision, or several that were made with one press: a group of similar items, a grid.
A decision stays on record; a new row says that it was undone. What was told to the shop already is
not taken back in silence: an appeal corrects it, by somebody else.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from moderation.models import Decision, Product, ReviewItem

from . import review_claims, webhooks
from .last_acts import AT_MOST, of_the_last_acts, own
from .review import ReviewError

OPEN, DECIDED = ReviewItem.State.OPEN, ReviewItem.State.DECIDED
WITHDRAWN = ReviewItem.State.WITHDRAWN
UNDO = Decision.Verdict.UNDO


class AnotherDecision(ReviewError):  # noqa: N818 - the sentence is the name's point
    """What was asked to be undone is not the last decision."""


def last_decision(moderator: User) -> Decision | None:
    """This moderator's newest verdict that stands and is of their last ten acts, or None."""
    return (
        Decision.objects.standing()
        .filter(pk__in=of_the_last_acts(moderator))
        .select_related("item", "analysis")
        .order_by("-id")
        .first()
    )


def undo(*, moderator: User, decision: int | None = None, item: int | None = None) -> ReviewItem:
    """Take back this moderator's last standing act; its item reopens in their hands.

    What belongs to the same act is taken back with it. A second opinion that nobody gave yet is no
    longer asked for. `decision` or `item` name what is meant: where the last one is another by now,
    nothing happens. Raises `ReviewError` where there is nothing to undo, where the shop has been
    told already, or where the product has changed since.
    """
    with transaction.atomic():
        # Locked, so that of two requests the second one sees what the first has undone.
        list(User.objects.select_for_update(no_key=True).filter(pk=moderator.pk).values_list("pk"))
        last = last_decision(moderator)
        if last is None:
            raise ReviewError(_nothing_left(moderator))
        if decision not in (None, last.pk) or item not in (None, last.item_id):
            raise AnotherDecision("Nothing was undone: your last decision is another one.")
        followers = _of_the_same_act(last)
        rows = [last, *followers]
        # Locked, so that no analysis opens another item of these products meanwhile.
        ids = [row.item.product_id for row in rows]
        locked = Product.objects.select_for_update().filter(pk__in=ids).order_by("pk")
        contents = dict(locked.values_list("pk", "content_hash"))
        if contents[last.item.product_id] != last.analysis.content_hash:
            raise ReviewError(
                "This decision cannot be undone: the photo or text of the product has changed."
            )
        if not _reopen(last.item, moderator=moderator):
            raise ReviewError(
                "This decision cannot be undone: the product is in the queue again already."
            )
        for row in followers:
            if contents[row.item.product_id] == row.analysis.content_hash:
                _reopen(row.item, moderator=None)
        if not webhooks.take_back(rows):
            raise ReviewError(
                "This decision cannot be undone: the shop has been told of it. If it is wrong, "
                "let the shop appeal; somebody else then decides."
            )
        Decision.objects.bulk_create(_undone(row) for row in rows)
    last.item.refresh_from_db()
    return last.item


def _nothing_left(moderator: User) -> str:
    if own(moderator).exclude(pk__in=of_the_last_acts(moderator)).exists():
        return f"Only your last {AT_MOST} decisions can be undone."
    return "There is no decision of yours to undo."


def _of_the_same_act(decision: Decision) -> list[Decision]:
    if decision.act is None:
        return []
    rows = Decision.objects.standing().filter(act=decision.act).exclude(pk=decision.pk)
    return list(rows.select_related("item", "analysis").order_by("pk"))


def _reopen(item: ReviewItem, *, moderator: User | None) -> bool:
    """Put an item back into the queue, into these hands; False where its product is in it again."""
    seconds = ReviewItem.objects.open().filter(second_of=item)
    others = ReviewItem.objects.open().filter(product=item.product_id)
    if others.exclude(pk__in=seconds.values("pk")).exists():
        return False
    seconds.update(state=WITHDRAWN, **review_claims.FREE)
    now = timezone.now()
    hands = {
        "claimed_by": moderator,
        "claimed_until": review_claims.lease_end(),
        "claimed_at": now,
        "shown_at": now,
    }
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
