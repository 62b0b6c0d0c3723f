"""Quality over time, from the blind audit: week by week, on the whole, and whether it drifts.

A product counts in the week in which it came into the queue (`quality_strata`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone

from moderation.clip.statistics import agreement, drift
from moderation.clip.statistics.audit_estimate import AuditEstimate, Figure, estimate
from moderation.models import Decision, Product, ReviewItem

from ..queries import cache
from .quality_strata import Counts, Key, groups_since, of_weeks, strata_of

CONFIRM, DISMISS = Decision.Verdict.CONFIRM, Decision.Verdict.DISMISS

WEEKS = 26
# The last weeks are compared with those before.
RECENT_WEEKS, FORMER_WEEKS = 4, 12
RECENT_SCORES, FORMER_SCORES = 2000, 8000


@dataclass(frozen=True)
class Week:
    """The products that came into the queue in the seven days from `start`."""

    start: date
    flagged: int
    judged: int
    judged_passed: int
    estimate: AuditEstimate


@dataclass(frozen=True)
class Agreement:
    """What two moderators said of the same pairs, blind to each other."""

    pairs: int
    alike: int
    unclear: int  # pairs that one of them could not tell; in none of the other figures
    kappa: Figure | None


@dataclass(frozen=True)
class Quality:
    """All that the page shows."""

    weeks: list[Week]
    overall: AuditEstimate
    judged_passed: int
    waiting: int
    agreement: Agreement
    alarms: list[str]
    is_watched: bool
    cached_since: datetime | None = None  # None: as it is now

    @property
    def judged_flagged(self) -> int:
        """Blind, of all weeks."""
        return sum(week.judged - week.judged_passed for week in self.weeks)


def quality(*, weeks: int = WEEKS) -> Quality:
    """The figures of the last weeks, the present one included; of many as they were a while ago."""
    monday = _monday()
    known = cache.entry("quality", _depends_on(monday, weeks), lambda: _find(monday, weeks))
    return replace(known.value, cached_since=known.cached_since)


def prepare_quality(*, weeks: int = WEEKS) -> None:
    """In the worker: so that no page waits for the figures."""
    monday = _monday()
    cache.prepare("quality", _depends_on(monday, weeks), lambda: _find(monday, weeks))


def _depends_on(monday: datetime, weeks: int) -> Any:
    return [monday.isoformat(), weeks]


def _find(monday: datetime, weeks: int) -> Quality:
    since = monday - timedelta(weeks=weeks - 1)
    groups = groups_since(since)
    starts = [(since + timedelta(weeks=number)).date() for number in range(weeks)]
    first = next((n for n, start in enumerate(starts) if of_weeks(groups, [start])), weeks)
    series = [_week(start, of_weeks(groups, [start])) for start in starts[first:]]
    now = starts[-RECENT_WEEKS:]
    before = starts[-RECENT_WEEKS - FORMER_WEEKS : -RECENT_WEEKS]
    return Quality(
        weeks=series,
        overall=estimate(strata_of(groups)),
        judged_passed=sum(week.judged_passed for week in series),
        waiting=ReviewItem.objects.open().filter(in_audit=True).count(),
        agreement=_agreement(since),
        alarms=_alarms(of_weeks(groups, before), of_weeks(groups, now)),
        is_watched=_can_compare(of_weeks(groups, before), of_weeks(groups, now)),
    )


def _monday() -> datetime:
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday())


def _week(start: date, groups: dict[Key, Counts]) -> Week:
    judged_passed = sum(counts.judged for key, counts in groups.items() if not key.flagged)
    return Week(
        start=start,
        flagged=sum(counts.items for key, counts in groups.items() if key.flagged),
        judged=sum(counts.judged for counts in groups.values()),
        judged_passed=judged_passed,
        estimate=estimate(strata_of(groups)),
    )


# ── Agreement ─────────────────────────────────────────────────────────────────────────────────
def _agreement(since: datetime) -> Agreement:
    first = Decision.objects.standing().filter(item=OuterRef("item__second_of"))
    rows = (
        Decision.objects.standing()
        .filter(item__second_of__isnull=False, item__opened_at__gte=since)
        .order_by()
        .annotate(
            first=Subquery(first.order_by("-pk").values("verdict")[:1]),
            first_reason=Subquery(first.order_by("-pk").values("reason")[:1]),
        )
        .values_list("first", "verdict", "first_reason", "reason")
        .annotate(count=Count("pk"))
    )
    table: Counter[tuple[str, str]] = Counter()
    unclear = 0
    for before, after, *reasons, count in rows:
        if before and not Decision.Reason.are_labels(*reasons):
            unclear += count  # said to be neither, though it is filed as a dismissal
        elif before:
            table[before, after] += count
    verdicts = (CONFIRM, DISMISS)
    counts = np.array([[table[one, other] for other in verdicts] for one in verdicts])
    return Agreement(int(counts.sum()), int(counts.trace()), unclear, agreement.kappa(counts))


# ── Drift ─────────────────────────────────────────────────────────────────────────────────────
def _can_compare(before: dict[Key, Counts], now: dict[Key, Counts]) -> bool:
    return all(estimate(strata_of(groups)).prevalence is not None for groups in (before, now))


def _alarms(before: dict[Key, Counts], now: dict[Key, Counts]) -> list[str]:
    alarms = []
    previous, present = strata_of(before), strata_of(now)
    words = {"prevalence": "share of wrong listings", "precision": "precision of the flags"}
    for what, name in words.items():
        was, is_now = (getattr(estimate(strata), what) for strata in (previous, present))
        if was and is_now and drift.share_changed(previous, present, what=what):
            direction = "risen" if is_now.value > was.value else "fallen"
            alarms.append(
                f"The {name} has {direction} from {was.value:.1%} to {is_now.value:.1%} "
                f"in the last {RECENT_WEEKS} weeks."
            )
    if _scores_moved():
        alarms.append(
            f"The newest {RECENT_SCORES:,} products score otherwise than those before them: other "
            "products come in, or other photos or texts of them."
        )
    return alarms


def _scores_moved() -> bool:
    """Whether the newest products score otherwise than those before, by the same version."""
    rows = list(
        Product.objects.present()
        .filter(analysis__similarity__isnull=False)
        .order_by("-pk")
        .values_list("analysis__model_version_id", "analysis__similarity")[
            : RECENT_SCORES + FORMER_SCORES
        ]
    )
    scores = np.array([score for version, score in rows if version == rows[0][0]])
    before, now = scores[RECENT_SCORES:], scores[:RECENT_SCORES]
    return len(before) >= RECENT_SCORES and drift.scores_changed(before, now)
