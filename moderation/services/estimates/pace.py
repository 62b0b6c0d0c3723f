"""How fast what passed is judged by lot: how long it takes until a target can be told."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import Min, Q
from django.utils import timezone

from moderation.models import Decision, ReviewItem

SINCE = timedelta(days=28)
WEEK = timedelta(days=7)
# A share that is proposed is at least so large; and so many times the present one.
_AT_LEAST, _TIMES = 0.1, 2.0


@dataclass(frozen=True)
class ByLot:
    """Of products that passed: judged by lot in a week, drawn and waiting; all decisions a week."""

    a_week: float
    waiting: int
    decisions: float

    def words(self, more: int) -> str:
        """Until when so many more are judged by lot, and what would make it sooner."""
        if not settings.AUDIT_SHARE:
            return (
                "The setting AUDIT_SHARE is 0: set it to 0.02 or so, and run python manage.py "
                "reanalyze --all, so that some of what passed is judged too."
            )
        if self.waiting >= more:
            return f"{self._now(more)} {self._waiting}"
        higher = min(max(_AT_LEAST, _TIMES * settings.AUDIT_SHARE), 1.0)
        if not self.a_week or higher <= settings.AUDIT_SHARE:
            return f"{self._now(more)} {_draw_more(higher)}"
        faster = min(self.a_week * higher / settings.AUDIT_SHARE, max(self.a_week, self._turns))
        then = f"; at {_percent(higher)}: {_weeks(more / faster)}" if faster > self.a_week else ""
        return f"{self._now(more).rstrip('.')}{then}. {_draw_more(higher)}"

    @property
    def _turns(self) -> float:
        """So many turns of a week the queue gives to the sample while any of it waits."""
        return float(self.decisions * settings.QUEUE_AUDIT_SHARE)

    def _now(self, more: int) -> str:
        if not self.a_week:
            return (
                "How long that takes is unknown: none was judged by lot in the last "
                f"{SINCE // WEEK} weeks."
            )
        number = f"{self.a_week:,.0f}" if self.a_week >= 1 else "less than one"
        return (
            f"{number} a week {'is' if number in ('1', 'less than one') else 'are'} judged by lot "
            f"at your AUDIT_SHARE of {_percent(settings.AUDIT_SHARE)}: "
            f"{_weeks(more / self.a_week)}."
        )

    @property
    def _waiting(self) -> str:
        return (
            f"{self.waiting:,} that were drawn wait in the queue, which gives "
            f"{_percent(settings.QUEUE_AUDIT_SHARE)} of its turns to them (QUEUE_AUDIT_SHARE)."
        )


def pace() -> ByLot:
    """By the last four weeks, or since the first decision while that is less; a week at least."""
    now = timezone.now()
    labels = Decision.objects.labels().order_by()
    first = labels.aggregate(first=Min("created_at"))["first"] or now
    weeks = min(max(now - first, WEEK), SINCE) / WEEK
    recent = labels.filter(created_at__gte=now - SINCE)
    return ByLot(
        a_week=recent.filter(_by_lot("item__"), _passed("analysis__product__")).count() / weeks,
        waiting=ReviewItem.objects.open().filter(_by_lot(), _passed("product__")).count(),
        decisions=recent.count() / weeks,
    )


def words_of_all() -> str:
    """What brings all that passed into the queue too; nothing where all of it is there."""
    return "" if settings.AUDIT_SHARE >= 1 else f" {_draw_more(1.0)}"


def _by_lot(item: str = "") -> Q:
    """Drawn at random, no second opinion, and not opened by hand out of its turn."""
    drawn = Q(**{f"{item}in_audit": True, f"{item}second_of": None})
    return drawn & ~Q(**{f"{item}picked_by": ReviewItem.Pick.CHOSEN})


def _passed(product: str) -> Q:
    return Q(**{f"{product}withdrawn_at": None, f"{product}analysis__is_mismatch": False})


def _draw_more(share: float) -> str:
    return f"To draw more: set AUDIT_SHARE to {share:g}, and run python manage.py reanalyze --all."


def _weeks(number: float) -> str:
    if number < 1:
        return "less than a week"
    count = math.ceil(number)
    return f"some {count:,} week{'' if count == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
