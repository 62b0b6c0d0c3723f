"""From which part of the queue somebody works: all of it, a filtered view, or the leads' own."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.models.querysets import ReviewItemQuerySet

from .queue_filter import QueueFilter


@dataclass(frozen=True)
class Desk:
    """Which items are handed out: the ordinary ones or the escalated ones, perhaps narrowed."""

    narrowing: QueueFilter | None = None
    escalated: bool = False

    def of(self, items: ReviewItemQuerySet) -> ReviewItemQuerySet:
        """Those of `items` that belong on this desk."""
        items = items.escalated() if self.escalated else items.not_escalated()
        return self.narrowing.apply(items) if self.narrowing else items


WHOLE_QUEUE = Desk()
LEADS = Desk(escalated=True)
