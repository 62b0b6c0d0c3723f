"""Quality: how good the model is on the present catalogue, how people agree, and what drifts.

By week: a week's products are those that came in then, with their scores and verdicts of today. So
weeks can be compared whatever changed since, threshold, shares of the sample or model.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import Count, OuterRef, Subquery
from django.utils import timezone

from moderation.clip.statistics import agreement
from moderation.clip.statistics.catalogue_estimate import CatalogueEstimate, Figure, estimate
from moderation.models import Decision, ReviewItem

from ..estimates import figures, present
from ..queries import cache
from . import drifting
from .drifting import Watch

CONFIRM, DISMISS = Decision.Verdict.CONFIRM, Decision.Verdict.DISMISS

WEEKS = figures.WEEKS


@dataclass(frozen=True)
class Week:
    """The present products that came in in the seven days from `start`."""

    start: date
    products: int
    judged: int
    estimate: CatalogueEstimate


@dataclass(frozen=True)
class Agreement:
    """What two moderators said of the same pairs, blind to each other."""

    pairs: int
    alike: int
    unclear: int  # pairs that one of them could not tell; in none of the other figures
    kappa: Figure | None


@dataclass(frozen=True)
class Quality:
    """All that the page shows. `overall` is what every other page says of the catalogue too."""

    overall: CatalogueEstimate
    weeks: list[Week]
    waiting: int  # of the random sample
    agreement: Agreement
    watch: Watch
    cached_since: datetime | None = None  # None: as it is now


def quality() -> Quality:
    """The figures of the last weeks, the present one included; of many as they were a while ago."""
    monday = _monday()
    known = cache.entry("quality", _depends_on(monday), lambda: _find(monday))
    return replace(known.value, cached_since=known.value.cached_since or known.cached_since)


def prepare_quality() -> None:
    """In the worker, after the catalogue: so that no page waits for the figures."""
    monday = _monday()
    cache.prepare("quality", _depends_on(monday), lambda: _find(monday))


def _depends_on(monday: datetime) -> Any:
    return [monday.isoformat()]


def _find(monday: datetime) -> Quality:
    known = figures.catalogue()
    readings = known.value.weeks
    since = monday - timedelta(weeks=WEEKS - 1)
    starts = [(since + timedelta(weeks=number)).date() for number in range(WEEKS)]
    first = next((n for n, start in enumerate(starts) if start in readings), WEEKS)
    return Quality(
        overall=known.value.overall,
        weeks=[_week(start, readings.get(start, present.NOTHING)) for start in starts[first:]],
        waiting=ReviewItem.objects.open().filter(in_audit=True).count(),
        agreement=_agreement(since),
        watch=drifting.watch(readings, monday=monday.date()),
        cached_since=known.cached_since,
    )


def _monday() -> datetime:
    today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=today.weekday())


def _week(start: date, reading: present.Reading) -> Week:
    cells = figures.cells(reading)
    return Week(
        start=start,
        products=sum(cell.size for cell in cells),
        judged=sum(cell.judged for cell in cells),
        estimate=estimate(cells),
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
