"""Taking back what was passed on, by a skip or to a lead, while nobody else has it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.contrib.auth.models import User
from django.db.models import Count

from moderation.models import Product, ReviewItem, Skip

from . import review_claims
from .last_acts import PassedOn
from .review import SKIPS_THAT_ESCALATE, ReviewError, who_was_faster

SKIPPED = ReviewItem.Escalation.SKIPPED
NOT_ESCALATED = {
    "escalated_at": None,
    "escalated_by": None,
    "escalation": "",
    "escalation_note": "",
    "escalated_blind": False,
}


def still_free(items: Collection[int], *, moderator: User) -> set[int]:
    """Those of the items that this person could claim again, once they took them back."""
    if not items:
        return set()
    rows = (
        ReviewItem.objects.free_for(moderator).filter(pk__in=items).annotate(skipped=Count("skips"))
    )
    is_lead = moderator.has_perm(review_claims.RESOLVE)
    return {
        row.pk
        for row in rows
        if row.escalated_at is None
        or row.escalated_by_id == moderator.pk
        or is_lead
        or (row.escalation == SKIPPED and row.skipped <= SKIPS_THAT_ESCALATE)
    }


def take_back(passed: Sequence[PassedOn], *, moderator: User) -> ReviewItem:
    """Take all of them back and put the first that is free into these hands (in a transaction).

    Raises `ReviewError` where somebody took it meanwhile.
    """
    _lock(passed, moderator=moderator)
    free = still_free([one.item for one in passed], moderator=moderator)
    item = ReviewItem.objects.get(
        pk=next((p.item for p in passed if p.item in free), passed[0].item)
    )
    forget(passed, moderator=moderator)
    mine = ReviewItem.objects.free_for(moderator).filter(pk=item.pk)
    if item.pk not in free or not mine.update(**review_claims.in_hand(moderator)):
        raise ReviewError(f"It cannot be taken back: {who_was_faster(item, asking=moderator)}")
    review_claims.show(item, moderator=moderator)
    item.refresh_from_db()
    if problem := review_claims.refusal(item, moderator=moderator):
        raise ReviewError(problem)
    return item


def forget(passed: Sequence[PassedOn], *, moderator: User) -> None:
    """As if nothing had been passed on: what only that sent to the leads leaves them, if free."""
    Skip.objects.filter(pk__in=[one.skip for one in passed if one.skip is not None]).delete()
    free = ReviewItem.objects.free_for(moderator).filter(pk__in=[one.item for one in passed])
    asked = [one.item for one in passed if one.skip is None]
    free.filter(pk__in=asked, escalated_by=moderator).update(**NOT_ESCALATED)
    by_skips = free.filter(escalation=SKIPPED).annotate(skipped=Count("skips"))
    too_few = [row.pk for row in by_skips if row.skipped < SKIPS_THAT_ESCALATE]
    free.filter(pk__in=too_few).update(**NOT_ESCALATED)


def _lock(passed: Sequence[PassedOn], *, moderator: User) -> None:
    """Products first, then items in order, as decisions do; what `show` changes among them."""
    ids = [one.item for one in passed]
    products = Product.objects.filter(review_items__in=ids).values("pk")
    locked = Product.objects.select_for_update().filter(pk__in=products)
    list(locked.order_by("pk").values_list("pk"))
    held = ReviewItem.objects.held_by(moderator)
    review_claims.lock(ReviewItem.objects.filter(pk__in=ids) | held)
