"""Products whose scores are of a previous version, text preparation, threshold or calibration.

`manage.py reanalyze --stale` finds the same products one by one, and those without any score.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Abs
from django_q.tasks import async_task

from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Analysis, ModelVersion, Product

from ..queries import cache
from ..rules import probability
from ..rules.thresholds import Thresholds
from ..worker import heartbeat
from . import reanalyze, rescore

# Counting stops here: beyond, the number tells people nothing more.
COUNTED_AT_MOST = 10_000
DONE, FAILED = Analysis.Status.DONE, Analysis.Status.FAILED


def ask(version: ModelVersion) -> None:
    """Let the worker bring the catalogue up to date, in the background."""
    async_task("moderation.tasks.rescore", version.pk, timeout=int(heartbeat.LONGEST_STEP))


def refresh(version: ModelVersion) -> None:
    """Judge or score again what is stale, and request what the model must look at.

    Raises `versions.Replaced` where another version is activated meanwhile.
    """
    reanalyze.run(reanalyze.Job(reanalyze.Which.STALE, version))
    prepare_stale(version, at_once=True)


def count(version: ModelVersion) -> int:
    """How many products are stale, up to one more than `COUNTED_AT_MOST`.

    Those without a score of their present photo and text are not: they wait for the worker.
    """
    return counted(version).value


def counted(version: ModelVersion) -> cache.Entry[int]:
    """The count, with the time of one that is cached."""
    return cache.entry("stale", *_question(version))


def prepare_stale(version: ModelVersion, *, at_once: bool = False) -> None:
    """In the worker: so that no page waits for the counts."""
    cache.prepare("stale", *_question(version), at_once=at_once)
    cache.prepare("flagged-otherwise", *_other_thresholds(version), at_once=at_once)


def flagged_otherwise(version: ModelVersion) -> list[tuple[float, int]]:
    """By which other thresholds than those that hold, or by which scores of another version,
    present products are flagged: threshold and products, most first. Empty where all is applied."""
    return cache.value("flagged-otherwise", *_other_thresholds(version))


def _other_thresholds(version: ModelVersion) -> tuple[Any, Callable[[], list[tuple[float, int]]]]:
    limits = Thresholds(version)

    def find() -> list[tuple[float, int]]:
        scored = Product.objects.present().filter(
            analysis__content_hash=F("content_hash"), analysis__threshold_used__isnull=False
        )
        moved = scored.order_by().annotate(moved=Abs(F("analysis__threshold_used") - limits.sql()))
        otherwise = moved.filter(~Q(analysis__model_version=version) | Q(moved__gt=0))
        otherwise = otherwise.exclude(Exists(_unreadable(version)))
        groups = otherwise.values_list("analysis__threshold_used").annotate(count=Count("pk"))
        return list(groups.order_by("-count", "analysis__threshold_used"))

    return [version.pk, limits.depends_on], find


def _question(version: ModelVersion) -> tuple[Any, Callable[[], int]]:
    """What the count depends on, and what finds it."""
    limits = Thresholds(version)
    depends_on = [probability.depends_on(version), limits.depends_on, PREPARATION]
    return depends_on, lambda: _stale(limits)[: COUNTED_AT_MOST + 1].count()


def _stale(limits: Thresholds) -> QuerySet[Product]:
    version = limits.version
    present = Product.objects.present()
    scored = present.filter(analysis__content_hash=F("content_hash")).order_by()
    scored = scored.annotate(moved=Abs(F("analysis__threshold_used") - limits.sql()))
    recalibrated = Q(analysis__p_mismatch__isnull=False)
    if (calibration := version.calibrated) is not None:
        p = probability.sql(calibration)
        scored = scored.annotate(away=Abs(F("analysis__p_mismatch") - p))
        recalibrated = Q(analysis__p_mismatch=None) | Q(away__gt=rescore.SAME_P)
    scored_by_it = Q(analysis__status=DONE, analysis__unreadable="")
    judged_otherwise = scored_by_it & (Q(moved__gt=0) | recalibrated)
    read_otherwise = ~Q(analysis__preparation=PREPARATION)
    stale = ~Q(analysis__model_version=version) | read_otherwise | judged_otherwise
    return scored.filter(stale).exclude(Exists(_unreadable(version)))


def _unreadable(version: ModelVersion) -> QuerySet[Analysis]:
    """What this version could not read of a product: it stays with what another one said of it."""
    return Analysis.objects.filter(
        product=OuterRef("pk"),
        model_version=version,
        content_hash=OuterRef("content_hash"),
        status=FAILED,
    )
