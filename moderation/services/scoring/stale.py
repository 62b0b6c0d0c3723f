"""Products whose scores are of a former version, threshold or calibration, and mending that.

`manage.py reanalyze --stale` finds the same products one by one, and those without any score.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from django.db.models import Case, Exists, F, FloatField, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Abs, Exp, Greatest, Least
from django_q.tasks import async_task

from moderation.clip.statistics.calibration import Calibration
from moderation.models import Analysis, Category, ModelVersion, Product

from ..queries import held
from ..registry import versions
from ..worker import heartbeat
from . import reanalyze, rescore

# Counting stops here: beyond, the number tells people nothing more.
COUNTED_AT_MOST = 10_000
_STEEPEST = 500.0  # of a logit: databases refuse the exponential of much more
DONE, FAILED = Analysis.Status.DONE, Analysis.Status.FAILED


def ask(version: ModelVersion) -> None:
    """Let the worker bring the catalogue up to date, in the background."""
    async_task("moderation.tasks.rescore", version.pk, timeout=int(heartbeat.LONGEST_STEP))


def mend(version: ModelVersion) -> None:
    """Judge or score anew what is stale, and ask for what the model must look at.

    Raises `versions.Replaced` where another version is activated meanwhile.
    """
    reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, version))
    prepare_stale(version, at_once=True)


def count(version: ModelVersion) -> int:
    """How many products are stale, up to one more than `COUNTED_AT_MOST`.

    Those without a score of their present photo and text are not: they wait for the worker.
    """
    return counted(version).found


def counted(version: ModelVersion) -> held.Answer[int]:
    """The count, with the time of one that is held."""
    limits = _limits(version)
    return held.answer("stale", _depends_on(version, limits), lambda: _count(version, limits))


def prepare_stale(version: ModelVersion, *, at_once: bool = False) -> None:
    """In the worker: so that no page waits for the count."""
    limits = _limits(version)
    held.prepare(
        "stale",
        _depends_on(version, limits),
        lambda: _count(version, limits),
        at_once=at_once,
    )


def _limits(version: ModelVersion) -> list[tuple[int, str, float]]:
    """Key, name and threshold of each category."""
    return [
        (one.pk, one.name, versions.threshold_for(version, category=one))
        for one in Category.objects.order_by("pk")
    ]


def _depends_on(version: ModelVersion, limits: list[tuple[int, str, float]]) -> Any:
    own = (version.pk, version.platt_a, version.platt_b, version.calibration)
    return [own, versions.threshold_for(version), limits]


def _count(version: ModelVersion, limits: list[tuple[int, str, float]]) -> int:
    return _stale(version, limits)[: COUNTED_AT_MOST + 1].count()


def _stale(version: ModelVersion, limits: list[tuple[int, str, float]]) -> QuerySet[Product]:
    scored = Product.objects.filter(analysis__content_hash=F("content_hash")).order_by()
    in_category = [When(category=pk, then=Value(limit)) for pk, _, limit in limits]
    threshold = Case(*in_category, default=Value(versions.threshold_for(version)))
    other = ~Q(analysis__model_version=version)
    done = Q(analysis__status=DONE)
    moved = done & Q(moved__gt=0)
    if (calibration := version.calibrated) is not None:
        p = _p_mismatch(calibration, [(pk, name) for pk, name, _ in limits])
        scored = scored.annotate(away=Abs(F("analysis__p_mismatch") - p))
        moved |= done & (Q(analysis__p_mismatch=None) | Q(away__gt=rescore.SAME_P))
    else:
        moved |= done & Q(analysis__p_mismatch__isnull=False)
    # What this version cannot read stays with what another one said of it.
    unreadable = Analysis.objects.filter(
        product=OuterRef("pk"),
        model_version=version,
        content_hash=OuterRef("content_hash"),
        status=FAILED,
    )
    distance = Abs(F("analysis__threshold_used") - threshold)
    return scored.annotate(moved=distance).filter(other | moved).exclude(Exists(unreadable))


def _p_mismatch(calibration: Calibration, categories: list[tuple[int, str]]) -> Combinable:
    """`Calibration.p_mismatch` of a product's analysis, by the database."""
    logit = _logit(calibration)
    offsets = [
        When(category=pk, then=Value(by))
        for pk, name in categories
        if (by := calibration.offset(name))
    ]
    if offsets:
        logit += Case(*offsets, default=Value(0.0))
    held_in = Least(Greatest(logit, Value(-_STEEPEST)), Value(_STEEPEST))
    return 1.0 / (1.0 + Exp(-1.0 * held_in, output_field=FloatField()))


def _logit(calibration: Calibration) -> Any:
    at, slope, knots = F("analysis__similarity"), calibration.platt.a, calibration.knots
    if not knots:
        return slope * at + calibration.platt.b
    first, last = knots[0], knots[-1]
    pieces = [When(analysis__similarity__lt=first[0], then=first[1] + slope * (at - first[0]))]
    for (x0, y0), (x1, y1) in pairwise(knots):
        rise = (y1 - y0) / (x1 - x0)
        pieces.append(When(analysis__similarity__lt=x1, then=y0 + rise * (at - x0)))
    beyond = last[1] + slope * (at - last[0])
    return Case(*pieces, default=beyond, output_field=FloatField())
