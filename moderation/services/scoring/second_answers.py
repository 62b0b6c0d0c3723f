"""The worker asks the second judge, after the first verdicts are written.

Nothing here fails an analysis: a second judge that cannot be loaded leaves its questions waiting,
and says why in them, where health reads it; what fails is tried as often as an analysis, and alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from moderation.clip import scoring
from moderation.clip.errors import ImageError, ModelError, Unread
from moderation.models import ModelVersion, Product, SecondVerdict
from moderation.models.second_verdict import SecondVerdictQuerySet

from ..encoding import embeddings
from ..encoding.engine import Engine, engine_for
from ..queries.one_parameter import among
from ..queue import review_queue
from ..registry import versions
from ..rules import photos, photos_away, reading
from ..rules.thresholds import Thresholds, traits
from ..worker import heartbeat
from ..worker.patience import GONE, in_a_line

logger = logging.getLogger(__name__)

_ANSWER = (
    *("similarity", "p_mismatch", "threshold_used", "is_mismatch", "unreadable", "precision"),
    *("error", "answered_at"),
)


# Loading may take seconds, which the first judge's work would wait for after each task.
SECONDS_AFTER_A_FAILED_LOAD = 60.0
_not_before: dict[int, float] = {}  # by version, on the monotonic clock


def answer_waiting(*, owner: str, seconds: float) -> int:
    """Ask the second judge what waits for it, for about `seconds`; returns how many it answered.

    Raises only where the database goes away.
    """
    second = versions.second_judge()
    if second is None or time.monotonic() < _not_before.get(second.pk, 0):
        return 0
    if not _free(second).exists():
        return 0
    deadline, count = time.monotonic() + seconds, 0
    try:
        with heartbeat.beating(owner, doing="loading the second judge"):
            engine = engine_for(second)
    except ModelError as error:
        logger.error("The second judge “%s” cannot be loaded: %s", second.name, error)
        _note(_free(second), f"It cannot be loaded: {error}")
        _not_before[second.pk] = time.monotonic() + SECONDS_AFTER_A_FAILED_LOAD
        heartbeat.beat(owner)
        return 0
    while time.monotonic() < deadline and (batch := _take(second)):
        with heartbeat.beating(owner, doing=f"asking the second judge of {len(batch)} products"):
            answered = _answer(engine, batch)
        if answered is None:
            break  # no photo can be read now
        count += answered
    heartbeat.beat(owner)
    return count


def _free(second: ModelVersion) -> SecondVerdictQuerySet:
    free = SecondVerdict.objects.free().filter(model_version=second)
    return free.order_by("attempts", "pk")


def _note(rows: SecondVerdictQuerySet, error: str) -> None:
    """Say in the next of these questions why there is no answer yet."""
    keys = list(rows.values_list("pk", flat=True)[: settings.CLIP_BATCH_SIZE])
    SecondVerdict.objects.waiting().filter(pk__in=keys).update(error=error)


def _take(second: ModelVersion) -> list[SecondVerdict]:
    """The next questions: fresh ones together, one that was tried before alone.

    Until the lease ends no other worker takes them. Those about what a product no longer shows, or
    that has a newer analysis, go.
    """
    while True:
        with transaction.atomic():
            free = _free(second).select_for_update(skip_locked=True)
            keys = list(
                free.filter(attempts=0).values_list("pk", flat=True)[: settings.CLIP_BATCH_SIZE]
            ) or list(free.values_list("pk", flat=True)[:1])
            taken = SecondVerdict.objects.filter(pk__in=keys)
            taken.update(taken_at=Now(), attempts=F("attempts") + 1)
        rows = list(
            taken.select_related(
                "analysis__product__category", "analysis__model_version", "model_version"
            ).order_by("pk")
        )
        passed = [row.pk for row in rows if not _is_asked(row)]
        SecondVerdict.objects.filter(pk__in=passed).delete()
        if len(rows) > len(passed) or not keys:
            return [row for row in rows if row.pk not in passed]


def _is_asked(row: SecondVerdict) -> bool:
    """Whether its analysis is still what is said of the product."""
    product = row.analysis.product
    is_present = product.withdrawn_at is None and product.analysis_id == row.analysis_id
    return is_present and product.content_hash == row.analysis.content_hash


def _answer(engine: Engine, batch: Sequence[SecondVerdict]) -> int | None:
    """Judge and write these; returns how many were answered, None where no photo can be read."""
    # Not `waiting`: this may have been the last attempt that a question has.
    held = SecondVerdict.objects.filter(pk__in=[row.pk for row in batch], answered_at=None)
    try:
        _judge(engine, batch)
        return _write(batch)
    except GONE:
        raise  # the lease ends, and they are taken up again
    except photos_away.PhotosAway as error:
        held.update(error=in_a_line(error), attempts=F("attempts") - 1, taken_at=None)
        return None
    except Exception as error:
        # Whatever went wrong is of the second judge; the worker must live on for the first.
        logger.exception("The second judge failed on %d products", len(batch))
        held.update(error=f"{type(error).__name__}: {error}", taken_at=None)
        return 0


def _judge(engine: Engine, batch: Sequence[SecondVerdict]) -> None:
    """Fill in the answers; what could not be read just now stays without. Nothing is saved."""
    version = batch[0].model_version
    files = [(row.analysis.image_sha256, photos.source(row.analysis.image)) for row in batch]
    images = embeddings.image_vectors(engine, files)
    codes = {text: reading.unreadable(version, text) for text in {r.analysis.text for r in batch}}
    texts = embeddings.text_vectors(engine, [text for text, code in codes.items() if not code])
    limits = Thresholds(version)
    for row in batch:
        vector, code = images[row.analysis.image_sha256], codes[row.analysis.text]
        row.precision, row.error = engine.encoder.arithmetic, ""
        if isinstance(vector, Unread):
            row.error = str(vector)
            continue
        row.answered_at = timezone.now()
        if isinstance(vector, ImageError):
            row.error = str(vector)
        elif code:
            row.unreadable = code
        else:
            text = texts[row.analysis.text]
            _judge_one(row, float(scoring.similarity(vector[None], text[None])[0]), limits)


def _judge_one(row: SecondVerdict, score: float, limits: Thresholds) -> None:
    product = row.analysis.product
    threshold = limits.own_of(traits(product))
    row.similarity, row.threshold_used = score, threshold
    row.p_mismatch = limits.version.p_mismatch(
        score, product.category.name if product.category else None
    )
    row.is_mismatch = scoring.judge(score, threshold=threshold).is_mismatch


def _write(batch: Sequence[SecondVerdict]) -> int:
    """Save what was answered and is still asked of this version, and let the queue follow."""
    with transaction.atomic():
        # Products first and in one order, as every writer of answers does.
        held = Product.objects.select_for_update(no_key=True).filter(
            among("pk", sorted({row.analysis.product_id for row in batch}))
        )
        list(held.order_by("pk").values_list("pk"))
        asked = SecondVerdict.objects.select_for_update(of=("self",)).filter(
            pk__in=[row.pk for row in batch], model_version=batch[0].model_version, answered_at=None
        )
        standing = set(asked.values_list("pk", flat=True))
        rows = [row for row in batch if row.pk in standing]
        # By the threshold and the calibration of now: they may have been set since it was asked.
        limits = Thresholds(ModelVersion.objects.get(pk=batch[0].model_version_id))
        for row in rows:
            if row.similarity is not None:
                _judge_one(row, row.similarity, limits)
        SecondVerdict.objects.bulk_update(rows, _ANSWER)
        answered = [row for row in rows if row.answered_at]
        review_queue.follow([row.analysis for row in answered])
    return len(answered)
