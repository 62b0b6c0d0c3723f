"""P(mismatch) of products under a version's calibration, by the database."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django.db.models import Case, F, FloatField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Exp, Greatest, Least

from moderation.clip.statistics.calibration import Calibration
from moderation.models import Category, ModelVersion

_STEEPEST = 500.0  # of a logit: databases refuse the exponential of much more


def moved_categories(calibration: Calibration) -> dict[int, str]:
    """Key and name of the categories whose probabilities the calibration moves."""
    if not calibration.offsets:
        return {}
    named = Category.objects.order_by("pk").values_list("pk", "name")
    return {pk: name for pk, name in named if calibration.offset(name)}


def depends_on(version: ModelVersion) -> Any:
    """What the probabilities depend on, for a cache's key."""
    calibration = version.calibrated
    moved = moved_categories(calibration) if calibration else {}
    return [version.pk, version.platt_a, version.platt_b, version.calibration, moved]


def sql(calibration: Calibration) -> Combinable:
    """`Calibration.p_mismatch` of a product's analysis, for a query of products."""
    offsets = [
        When(category=pk, then=Value(calibration.offset(name)))
        for pk, name in moved_categories(calibration).items()
    ]
    logit = _logit(calibration) + Case(*offsets, default=Value(0.0)) + Value(calibration.shift)
    bounded = Least(Greatest(logit, Value(-_STEEPEST)), Value(_STEEPEST))
    return 1.0 / (1.0 + Exp(-1.0 * bounded, output_field=FloatField()))


def _logit(calibration: Calibration) -> Any:
    at, slope, knots = F("analysis__similarity"), calibration.platt.a, calibration.knots
    if not knots:
        return slope * at + calibration.platt.b
    (x, y), (last_x, last_y) = knots[0], knots[-1]
    pieces = [When(analysis__similarity__lt=x, then=y + slope * (at - x))]
    for (x0, y0), (x1, y1) in pairwise(knots):
        rise = (y1 - y0) / (x1 - x0)
        pieces.append(When(analysis__similarity__lt=x1, then=y0 + rise * (at - x0)))
    beyond = last_y + slope * (at - last_x)
    return Case(*pieces, default=beyond, output_field=FloatField())
