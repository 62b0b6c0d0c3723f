"""What a moderator passed on, by a skip or to a lead, and may take back while nobody has it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import BigIntegerField, Value

from moderation.models import ReviewItem, Skip

from . import review_claims
from .review import SKIPS_THAT_ESCALATE, ReviewError, who_was_faster

NOT_ESCALATED = {
    "escalated_at": None,
    "escalated_by": None,
    "escalation": "",
    "escalation_note": "",
}


@dataclass(frozen=True)
class PassedOn:
    """An item (its key) that was passed on: by a skip (its key), or to a lead."""

    item: int
    at: datetime
    skip: int | None


def last(moderator: User) -> PassedOn | None:
    """The newest that is still free. What was skipped in a grid goes with the grid's act."""
    free = ReviewItem.objects.unclaimed()
    asked = free.filter(escalated_by=moderator).order_by()
    skips = Skip.objects.filter(moderator=moderator, act=None, item__in=free)
    if not moderator.has_perm(review_claims.RESOLVE):
        skips = skips.exclude(item__escalation=ReviewItem.Escalation.ASKED)
    rows = skips.values_list("item", "created_at", "pk").union(
        asked.values_list("pk", "escalated_at", Value(None, output_field=BigIntegerField()))
    )
    newest = rows.order_by("-created_at").first()
    return PassedOn(*newest) if newest else None


def take_back(passed: PassedOn, *, moderator: User) -> ReviewItem:
    """Put the item into these hands again, as if it had never been passed on (in a transaction).

    Raises `ReviewError` where somebody took it meanwhile.
    """
    item = ReviewItem.objects.select_for_update().get(pk=passed.item)
    if passed.skip is not None:
        Skip.objects.filter(pk=passed.skip).delete()
    is_lifted = passed.skip is None or _was_the_last_straw(item)
    lifted = NOT_ESCALATED if is_lifted else {}
    free = ReviewItem.objects.unclaimed().filter(pk=item.pk, escalated_at=item.escalated_at)
    if not free.update(**lifted, **review_claims.in_hand(moderator)):
        raise ReviewError(f"It cannot be taken back: {who_was_faster(item, asking=moderator)}")
    review_claims.show(item, moderator=moderator)
    item.refresh_from_db()
    return item


def _was_the_last_straw(item: ReviewItem) -> bool:
    """Whether only the skips sent it to the leads, and too few are left."""
    skipped = item.escalation == ReviewItem.Escalation.SKIPPED
    return skipped and item.skips.count() < SKIPS_THAT_ESCALATE
