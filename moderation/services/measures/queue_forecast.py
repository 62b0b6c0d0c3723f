"""When nothing waits any more if it goes on like this, in words; or why nobody can say.

Out goes what people decided in the last 24 hours. In comes a usual day: the middle one of the last
days, so that an import, a lower threshold or another burst on one of them is no rate. The first day
of a queue is no usual day, since mostly a whole catalogue came in on it. What automatic action
decides waits for nobody and is in neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.utils import timezone

from moderation.models import AutomaticAction, Decision, ReviewItem
from moderation.models.querysets import ReviewItemQuerySet

from .queue_health import DAY, Count, count

MOST_DAYS = 7
_LEAST_DAYS = 2
# Beyond, a forecast says nothing: the rates change long before.
_LONGEST = timedelta(days=365)


@dataclass(frozen=True)
class Pace:
    """What people decided in the last 24 hours, and what came in on the complete days before now.

    `days` has 24 hours each, the newest first; none older than the queue.
    """

    decided: Count
    days: tuple[Count, ...]

    @property
    def usual(self) -> Count | None:
        """What a usual day brings: the middle one, of an even number the smaller of the two."""
        if len(self.days) < _LEAST_DAYS:
            return None
        in_order = sorted(self.days, key=lambda one: (one.is_more, one.number))
        return in_order[(len(in_order) - 1) // 2]


def pace() -> Pace:
    """What the tables say of it now."""
    now = timezone.now()
    first = ReviewItem.objects.order_by("opened_at").values_list("opened_at", flat=True).first()
    complete = min((now - first) // DAY, MOST_DAYS) if first else 0
    decided = Decision.objects.filter(created_at__gte=now - DAY, corrects=None)
    return Pace(
        decided=count(decided.exclude(mode=Decision.Mode.AUTOMATIC)),
        days=tuple(_came(now - (back + 1) * DAY, now - back * DAY) for back in range(complete)),
    )


def _came(start: datetime, end: datetime) -> Count:
    """What was opened for people in this time and not withdrawn since, or opened by an undo."""
    opened = ReviewItem.objects.filter(opened_at__gte=start, opened_at__lt=end)
    waited = count(_for_people(opened.exclude(state=ReviewItem.State.WITHDRAWN)))
    undone = Decision.objects.filter(
        created_at__gte=start, created_at__lt=end, verdict=Decision.Verdict.UNDO
    )
    again = count(undone.exclude(mode=Decision.Mode.AUTOMATIC))
    return Count(waited.number + again.number, waited.is_more or again.is_more)


def _for_people(items: ReviewItemQuerySet) -> ReviewItemQuerySet:
    if not AutomaticAction.objects.exists():
        return items
    by_itself = Decision.objects.filter(item=OuterRef("pk"), mode=Decision.Mode.AUTOMATIC)
    return items.filter(~Exists(by_itself))


def forecast(waiting: Count, pace: Pace, *, needs_second: int = 0) -> str:
    """When nothing waits any more, in words. `needs_second` of them nobody there can decide."""
    if not waiting.number:
        return "The queue is empty."
    if not waiting.is_more and waiting.number <= needs_second:
        return "Not while one person alone may decide: all that is open needs a second one."
    waiting = Count(waiting.number - needs_second, waiting.is_more)
    if not pace.days:
        return "No forecast yet: the queue is younger than a day."
    usual = pace.usual
    if waiting.is_more or pace.decided.is_more or (usual and usual.is_more):
        return "Too much comes in to be counted; no forecast."
    decided = pace.decided.number
    if not decided:
        return "Never at this rate: nobody decided anything in the last 24 hours."
    if usual is None:
        when = _when(waiting.number, decided)
        return f"{when}, if nothing more comes in: what a usual day brings is not known yet."
    if usual.number > decided:
        more = f"{usual.number - decided:,} more come in on a usual day than"
        return f"Never at this rate: {more} were decided in the last 24 hours."
    if usual.number == decided:
        return "Never at this rate: as many come in on a usual day as are decided."
    return f"{_when(waiting.number, decided - usual.number)}."


def _when(waiting: int, net: int) -> str:
    """How long it takes to decide so many, `net` of them a day."""
    left = timedelta(days=min(waiting / net, 1e5))
    hours = left / timedelta(hours=1)
    if left > _LONGEST:
        return "In more than a year at this rate"
    if hours < 1:
        return "Within the hour at this rate"
    if hours < 48:
        return f"In about {hours:.0f} hour{'' if round(hours) == 1 else 's'} at this rate"
    return f"In about {hours / 24:.0f} days at this rate"
