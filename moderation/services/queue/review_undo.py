"""Taking back: the last ten acts of a moderator, one after the other, while nothing left.

An act is one decision, a skip or a request to a lead, or several of them that were made with one
press: a group of similar items, a grid. A decision stays on record; a new row says that it was
undone. What the shop was notified of already is not taken back in silence: an appeal corrects it,
by somebody else.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from moderation import acts
from moderation.models import Decision, Product, ReviewItem

from ..integration import webhooks
from . import last_acts, passed_on, review_claims
from .last_acts import Act
from .passed_on import still_free
from .review import ReviewError, who_was_faster

OPEN, DECIDED = ReviewItem.State.OPEN, ReviewItem.State.DECIDED
WITHDRAWN = ReviewItem.State.WITHDRAWN
UNDO = Decision.Verdict.UNDO


def last_act(moderator: User) -> Act | None:
    """What an undo takes back now: the newest act of which something can be."""
    acts = last_acts.of(moderator)
    passed = [one.item for act in acts for one in act.passed_on if not act.decisions]
    free = still_free(passed, moderator=moderator)
    for act in acts:
        if act.decision or (not act.decisions and any(p.item in free for p in act.passed_on)):
            return act
    return None


def undo(*, moderator: User, decision: int | None = None, item: int | None = None) -> ReviewItem:
    """Take back this moderator's last act; its item reopens in their hands.

    What belongs to the same act is taken back with it. A second opinion that nobody gave yet is no
    longer requested. `decision` or `item` name what is meant: where the last one is another by now,
    nothing happens. Raises `ReviewError` where there is nothing to undo, where the shop has been
    notified already, or where the product has changed or was withdrawn
    since.
    """
    with transaction.atomic():
        # Locked, so that of two requests the second one sees what the first has undone.
        list(User.objects.select_for_update(no_key=True).filter(pk=moderator.pk).values_list("pk"))
        last = last_act(moderator)
        if last is None:
            raise ReviewError(_taken_by_others(moderator, item=item) or _nothing_left(moderator))
        named = last.decision.decision if last.decision else None
        if decision not in (None, named) or item not in (None, last.item):
            another = "Nothing was undone: what you did last is something else."
            raise ReviewError(_taken_by_others(moderator, item=item) or another)
        if last.decision is None:
            return passed_on.take_back(last.passed_on, moderator=moderator)
        reopened = _take_back(last.decision.decision, moderator=moderator)
        passed_on.forget(last.passed_on, moderator=moderator)
    return reopened


def _take_back(pk: int, *, moderator: User) -> ReviewItem:
    """Take back a decision and what belongs to its act (in a transaction)."""
    last = Decision.objects.select_related("item", "analysis").get(pk=pk)
    followers = _of_the_same_act(last)
    rows = [last, *followers]
    # Locked, so that no analysis opens another item of these products meanwhile.
    ids = [row.item.product_id for row in rows]
    locked = Product.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    contents = {row.pk: row.content_hash for row in locked if row.withdrawn_at is None}
    if last.item.product_id not in contents:
        raise ReviewError("This decision cannot be undone: the product has been withdrawn.")
    if contents[last.item.product_id] != last.analysis.content_hash:
        raise ReviewError(
            "This decision cannot be undone: the photo or text of the product has changed."
        )
    if not _reopen(last.item, moderator=moderator):
        raise ReviewError(
            "This decision cannot be undone: the product is in the queue again already."
        )
    for row in followers:
        if contents.get(row.item.product_id) == row.analysis.content_hash:
            _reopen(row.item, moderator=None)
    if not webhooks.take_back(rows):
        raise ReviewError(
            "This decision cannot be undone: the shop has been notified of it. If it is wrong, "
            "let the shop appeal; somebody else then decides."
        )
    Decision.objects.bulk_create(_undone(row) for row in rows)
    acts.note("took back", by=moderator, decisions=[row.pk for row in rows])
    last.item.refresh_from_db()
    return last.item


def _nothing_left(moderator: User) -> str:
    newest = [done.decision for act in last_acts.of(moderator) for done in act.decisions]
    if last_acts.own(moderator).exclude(pk__in=newest).exists():
        return f"Only your last {last_acts.AT_MOST} acts can be undone."
    return "There is nothing of yours to undo."


def _taken_by_others(moderator: User, *, item: int | None) -> str:
    """Who has what this person passed on and means; empty where they mean nothing of the kind."""
    passed = [one.item for act in last_acts.of(moderator) for one in act.passed_on]
    if item not in passed or item in still_free(passed, moderator=moderator):
        return ""
    who = who_was_faster(ReviewItem(pk=item), asking=moderator)
    return f"It cannot be taken back: {who}"


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
    hands = review_claims.in_hand(moderator) if moderator else review_claims.FREE
    reopened = ReviewItem.objects.filter(pk=item.pk, state=DECIDED).update(state=OPEN, **hands)
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
