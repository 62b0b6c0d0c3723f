"""What is known of a version's scores: how the catalogue scores, what people judged, what comes in.

Of a large catalogue it is cached: the worker counts again every few minutes (`cache.prepare`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Min
from django.utils import timezone

from moderation.clip.statistics.scores_grid import Histogram
from moderation.clip.texts.prepare import PREPARATION
from moderation.models import ModelVersion, Product

from ..estimates import present
from ..queries import cache
from ..rules import thresholds

ARRIVALS_SINCE = timedelta(days=28)
_NAME = "scores"


@dataclass(frozen=True)
class KnownScores:
    """The catalogue's scores, the same with what people said, and arrivals."""

    catalogue: Histogram
    reading: present.Reading
    arrivals: float  # products a day


def known_scores(version: ModelVersion) -> cache.Entry[KnownScores]:
    """A few aggregations over the catalogue and its decisions."""
    return cache.entry(_NAME, _depends_on(version), lambda: _find(version))


def prepare_known_scores(version: ModelVersion) -> None:
    """In the worker: so that no page waits for it."""
    cache.prepare(_NAME, _depends_on(version), lambda: _find(version))


def _depends_on(version: ModelVersion) -> Any:
    own = thresholds.own_depends_on()
    return [version.pk, version.platt_a, version.platt_b, version.calibration, own, PREPARATION]


def _find(version: ModelVersion) -> KnownScores:
    reading = present.of_version(version)
    steps, sizes = reading.listings.scores.astype(int), reading.listings.sizes
    return KnownScores(Histogram.of(steps, sizes), reading, arrivals_a_day())


def arrivals_a_day() -> float:
    """Products that came in a day, on the mean of four weeks, or of all days while fewer."""
    now = timezone.now()
    since = now - ARRIVALS_SINCE
    first = Product.objects.aggregate(first=Min("created_at"))["first"]
    if first is None:
        return 0.0
    days = min(max((now - first) / timedelta(days=1), 1.0), ARRIVALS_SINCE.days)
    return float(Product.objects.filter(created_at__gte=since).count() / days)
