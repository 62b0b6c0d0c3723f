"""What is known of a version's scores: how the catalogue scores, what people judged, what comes in.

Of a large catalogue it is cached: the worker counts again every few minutes (`cache.prepare`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from django.db.models import Count, F, Min
from django.db.models.functions import Floor
from django.utils import timezone

from moderation.clip.statistics import labelled_scores
from moderation.clip.statistics.labelled_scores import STEP, Histogram, LabelledScores
from moderation.clip.texts.prepare import PREPARATION
from moderation.models import ModelVersion, Product

from ..queries import cache
from ..rules import thresholds
from .judged import judged

ARRIVALS_SINCE = timedelta(days=28)
_NAME = "scores"


@dataclass(frozen=True)
class KnownScores:
    """The catalogue's scores, those with labels, the same weighted to the catalogue, arrivals."""

    catalogue: Histogram
    labels: LabelledScores
    spread: LabelledScores
    arrivals: float  # products a day


def known_scores(version: ModelVersion) -> cache.Entry[KnownScores]:
    """An aggregation over the catalogue, and at most 20,000 labels."""
    return cache.entry(_NAME, _depends_on(version), lambda: _find(version))


def prepare_known_scores(version: ModelVersion) -> None:
    """In the worker: so that no page waits for it."""
    cache.prepare(_NAME, _depends_on(version), lambda: _find(version))


def _depends_on(version: ModelVersion) -> Any:
    own = thresholds.own_depends_on()
    return [version.pk, version.platt_a, version.platt_b, version.calibration, own, PREPARATION]


def _find(version: ModelVersion) -> KnownScores:
    catalogue, labels = _histogram(version), _labels(version)
    return KnownScores(catalogue, labels, labels.spread_over(catalogue), arrivals_a_day())


def _labels(version: ModelVersion) -> LabelledScores:
    calibration = version.calibrated
    found = judged(version, own_thresholds=False)
    similarities = [
        calibration.as_elsewhere(one.similarity, one.category) if calibration else one.similarity
        for one in found
    ]
    return LabelledScores(
        similarities=np.array(similarities, dtype=np.float64),
        wrong=np.array([not one.is_match for one in found], dtype=bool),
        weights=np.array([one.weight for one in found], dtype=np.float64),
        audit=np.array([one.in_audit for one in found], dtype=bool),
    )


def _histogram(version: ModelVersion) -> Histogram:
    scored = (
        Product.objects.present()
        .filter(
            thresholds.without_own(),
            analysis__model_version=version,
            analysis__similarity__isnull=False,
            analysis__preparation=PREPARATION,
        )
        .order_by()
    )
    step = Floor(F("analysis__similarity") / STEP + 1e-9)
    calibration = version.calibrated
    if calibration is None or not calibration.offsets:
        rows = list(scored.values_list(step).annotate(products=Count("pk")))
        steps = np.array([row[0] for row in rows], dtype=np.int64)
    else:
        rows = list(scored.values_list(step, "category__name").annotate(products=Count("pk")))
        moved = [calibration.as_elsewhere((row[0] + 0.5) * STEP, row[1]) for row in rows]
        steps = np.array([labelled_scores.grid(value) for value in moved], dtype=np.int64)
    return Histogram.of(steps, np.array([row[-1] for row in rows], dtype=np.int64))


def arrivals_a_day() -> float:
    """Products that came in a day, on the mean of four weeks, or of all days while fewer."""
    now = timezone.now()
    since = now - ARRIVALS_SINCE
    first = Product.objects.aggregate(first=Min("created_at"))["first"]
    if first is None:
        return 0.0
    days = min(max((now - first) / timedelta(days=1), 1.0), ARRIVALS_SINCE.days)
    return float(Product.objects.filter(created_at__gte=since).count() / days)
