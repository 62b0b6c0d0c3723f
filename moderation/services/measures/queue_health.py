"""How the queue is doing: how full, how old, and whether it grows.

Every figure is read from an index and stops counting somewhere, so the page costs the same with a
million products. What came in is what was opened and not withdrawn since, and what an undo opened
again; what went out are verdicts, those of bands and groups included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from moderation.models import Decision, ReviewItem
from moderation.models.querysets import ReviewItemQuerySet

COUNTED_AT_MOST = 100_000
DAY, WEEK = timedelta(days=1), timedelta(days=7)
_HOUR = timedelta(hours=1)
_LEAST = _HOUR  # a rate over less says nothing


@dataclass(frozen=True)
class Count:
    """A number of rows, or that there are more than anybody counts."""

    number: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.number:,}{'+' if self.is_more else ''}"


@dataclass(frozen=True)
class Flow:
    """Items per hour over a span: what came in and what went out.

    `lasted` is what there was of the span: a queue may be younger.
    """

    span: timedelta
    entered: Count
    left: Count
    lasted: timedelta

    @property
    def is_long_enough(self) -> bool:
        """Whether a rate says anything."""
        return self.lasted >= _LEAST

    @property
    def entered_per_hour(self) -> float:
        return self.entered.number / (self.lasted / _HOUR)

    @property
    def left_per_hour(self) -> float:
        return self.left.number / (self.lasted / _HOUR)


@dataclass(frozen=True)
class QueueHealth:
    """All that the page shows. `median_since` and `p95_since`: half, and 5%, wait since before."""

    open: Count
    oldest: datetime | None
    median_since: datetime | None
    p95_since: datetime | None
    day: Flow
    week: Flow
    escalated: Count
    escalated_oldest: datetime | None
    reopened: Count
    audit: Count
    second_opinions: Count


def queue_health() -> QueueHealth:
    """The present state."""
    items = ReviewItem.objects.open()
    number = count(items.order_by("opened_at"))
    escalated = items.escalated()
    return QueueHealth(
        open=number,
        oldest=_opened_at(items, 0) if number.number else None,
        median_since=_share_opened_before(items, number, 0.5),
        p95_since=_share_opened_before(items, number, 0.05),
        day=_flow(DAY),
        week=_flow(WEEK),
        escalated=count(escalated),
        escalated_oldest=escalated.order_by("escalated_at", "id")
        .values_list("escalated_at", flat=True)
        .first(),
        reopened=count(items.filter(reopens__isnull=False)),
        audit=count(items.filter(in_audit=True)),
        second_opinions=count(items.filter(second_of__isnull=False)),
    )


def count(rows: QuerySet, *, at_most: int = COUNTED_AT_MOST) -> Count:
    """How many rows there are, up to so many."""
    found = rows.values("pk")[: at_most + 1].count()
    return Count(min(found, at_most), is_more=found > at_most)


def _opened_at(items: ReviewItemQuerySet, place: int) -> datetime | None:
    """When the item at this place was opened, the oldest first: a walk along the index."""
    rows = items.order_by("opened_at").values_list("opened_at", flat=True)
    return next(iter(rows[place : place + 1]), None)


def _share_opened_before(items: ReviewItemQuerySet, number: Count, share: float) -> datetime | None:
    """Since when this share of the open items waits, or longer; None where they are too many."""
    if not number.number or number.is_more:
        return None
    return _opened_at(items, min(int(share * number.number), number.number - 1))


def _flow(span: timedelta) -> Flow:
    now = timezone.now()
    since = now - span
    opened = ReviewItem.objects.filter(opened_at__gte=since).exclude(
        state=ReviewItem.State.WITHDRAWN
    )
    rows = Decision.objects.filter(created_at__gte=since)
    reopened = count(rows.filter(verdict=Decision.Verdict.UNDO))
    came = count(opened)
    return Flow(
        span,
        entered=Count(came.number + reopened.number, came.is_more or reopened.is_more),
        left=count(rows.filter(corrects=None)),  # what corrects another closes nothing
        lasted=min(span, now - (_opened_at(ReviewItem.objects.all(), 0) or now)),
    )
