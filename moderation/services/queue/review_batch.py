"""Many items of one category judged on one page: what is on it, and what becomes of it.

The page presets “they match”, so it takes the least suspicious of the flagged: there the preset is
most often right, and little depends on a glance. Nothing that is judged blind comes onto it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from django.contrib.auth.models import User
from django.db.models import Count

from moderation.models import Category, Decision, ReviewItem

from ..queries import cache
from . import review, review_claims
from .desk import Desk
from .queue_filter import QueueFilter

SIZE = 12


@dataclass(frozen=True)
class Choice:
    """A category of which a batch can be made, and how many of its items are free."""

    category: Category
    waiting: int


def choices() -> list[Choice]:
    """The categories with unclaimed items, by name; in a large queue, slightly dated."""
    waiting = cache.value("grid", [], _waiting)
    found = Category.objects.filter(pk__in=waiting).order_by("name")
    return [Choice(category, waiting[category.pk]) for category in found]


def _waiting() -> dict[int, int]:
    """Category -> unclaimed items."""
    counted = ReviewItem.objects.unclaimed().judged_openly().filter(product__category__isnull=False)
    return dict(counted.order_by().values_list("product__category").annotate(Count("pk")))


def take(category: Category, *, moderator: User) -> list[ReviewItem]:
    """The batch in this moderator's hands, filled up to `SIZE` with what is free.

    What they hold of other categories is given back.
    """
    review_claims.release(moderator, but_of=Desk(narrowing=QueueFilter(category=category.pk)))
    of_category = ReviewItem.objects.filter(product__category=category).judged_openly()
    of_category = of_category.order_by("suspicion", "id").select_related("product", "analysis")
    batch = list((of_category & ReviewItem.objects.held_by(moderator))[:SIZE])
    free = (of_category & ReviewItem.objects.unclaimed()).not_skipped_by(moderator)
    for item in free[: 2 * SIZE]:  # some may go to others at this moment
        if len(batch) < SIZE and review_claims.claim(item, moderator=moderator):
            batch.append(item)
    return sorted(batch, key=lambda item: (item.suspicion, item.pk))


@dataclass
class Outcome:
    """What became of a batch."""

    matches: int = 0
    mismatches: int = 0
    skipped: int = 0
    problems: list[str] = field(default_factory=list)


def decide(
    items: Sequence[ReviewItem],
    *,
    moderator: User,
    mismatches: Collection[int],
    reason: str,
    skipped: Collection[int] = (),
    seconds: float | None = None,
) -> Outcome:
    """Decide each item by itself: `mismatches` (keys) with `reason`, the others as matching.

    All are one act, which one undo takes back, what was skipped included. What cannot be decided
    any more is told in a sentence each; the rest is decided all the same. `seconds` is what each
    item took.
    """
    outcome, act = Outcome(), uuid.uuid4()
    for item in items:
        is_wrong = item.pk in mismatches
        try:
            if item.pk in skipped:
                review.skip(item, moderator=moderator, act=act)
                outcome.skipped += 1
                continue
            review.decide(
                item,
                moderator=moderator,
                verdict=Decision.Verdict.CONFIRM if is_wrong else Decision.Verdict.DISMISS,
                reason=reason if is_wrong else Decision.Reason.MATCHES,
                seconds=seconds,
                act=act,
            )
        except review.ReviewError as problem:
            outcome.problems.append(f"{item.product.external_id}: {problem}")
        else:
            outcome.mismatches += is_wrong
            outcome.matches += not is_wrong
    return outcome
