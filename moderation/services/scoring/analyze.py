"""Analyses from request to answer: request, claim, score, write back.

Nothing here trusts the queue. The row is the truth: it is claimed with a token (`claims`), its
answer is written only where the token still stands, and products and queue follow (`results`).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from moderation.clip import scoring
from moderation.clip.errors import ImageError, ModelError
from moderation.models import Analysis, ModelVersion, Product

from ..encoding import embeddings
from ..encoding.engine import TOP_CATEGORIES, Engine, active_categories, engine_for
from ..queue import explain, review_queue, similar
from ..registry import questions, versions
from ..rules import photos
from ..rules.thresholds import Thresholds
from ..worker import doorbell, heartbeat
from . import claims, results

logger = logging.getLogger(__name__)

RUNNING, FAILED = Analysis.Status.RUNNING, Analysis.Status.FAILED


def request(
    products: Iterable[Product],
    *,
    version: ModelVersion | None = None,
    threshold: float | None = None,
) -> int:
    """Request an analysis of each product as it is now; returns how many rows are new.

    Asking twice is harmless: a product has at most one live analysis per content and version.
    Pending requests about an older photo or text are dropped.
    """
    version = version or versions.current()
    products = list(products)
    with transaction.atomic():
        Analysis.objects.pending().filter(product__in=products).exclude(
            content_hash=Subquery(
                Product.objects.filter(pk=OuterRef("product")).values("content_hash")
            )
        ).delete()
        review_queue.withdraw_changed(products)
        return questions.request(products, version=version, threshold=threshold)


def run_pending(*, owner: str, seconds: float) -> int:
    """Claim and answer what is pending for about `seconds`; returns how many rows were claimed.

    The models are loaded before the first claim, so that a missing one costs no attempt: its rows
    stay pending, and the others continue. Raises `ModelError` where no requested model loads.
    """
    deadline = time.monotonic() + seconds
    count = 0
    with heartbeat.beating(owner, doing="loading the model"):
        usable = _usable_versions()
    for batch in claims.claim_batches(size=settings.CLIP_BATCH_SIZE, owner=owner, usable=usable):
        heartbeat.beat(owner, doing=f"analysing {len(batch)} products")
        answer(batch)
        count += len(batch)
        if time.monotonic() > deadline:
            doorbell.ring()  # more may wait: the next message continues
            break
    heartbeat.beat(owner)
    return count


def _usable_versions() -> list[ModelVersion]:
    """The model versions that pending rows request and that can be loaded here."""
    asked = Analysis.objects.pending().order_by().values("model_version").distinct()
    usable, problems = [], []
    for version in ModelVersion.objects.filter(pk__in=asked):
        try:
            engine_for(version)
            usable.append(version)
        except ModelError as error:
            logger.error("Model version “%s” cannot be loaded: %s", version.name, error)
            problems.append(error)
    if problems and not usable:
        raise problems[0]
    return usable


def answer(batch: Sequence[Analysis]) -> None:
    """Score a claimed batch (of one model version) and write each answer where the claim stands.

    A batch that fails as a whole goes back to pending with its attempt counted, or to FAILED
    at the limit; a photo that cannot be used fails at once, with its reason.
    """
    token = batch[0].claim_token
    try:
        engine = engine_for(batch[0].model_version)
        _score(engine, batch)
        _write_back(batch, token=token)
    except Exception as error:
        # Whatever went wrong is of this batch; the worker must live on for the others.
        logger.exception("A batch of %d analyses failed", len(batch))
        held = Analysis.objects.filter(claim_token=token, status=RUNNING)
        claims.release(held, reason=f"{type(error).__name__}: {error}")
    else:
        explain.explain(batch)
        similar.assign(batch)


def _score(engine: Engine, batch: Sequence[Analysis]) -> None:
    """Fill in the result fields of each row; nothing is saved here."""
    images = embeddings.image_vectors(
        engine, [(row.image_sha256, photos.source(row.image)) for row in batch]
    )
    texts = embeddings.text_vectors(engine, [row.text for row in batch])
    categories, limits = active_categories(), Thresholds(batch[0].model_version)
    for row in batch:
        vector = images[row.image_sha256]
        row.finished_at = timezone.now()
        if isinstance(vector, ImageError):
            row.status, row.error = FAILED, str(vector)
            continue
        score = float(scoring.similarity(vector[None], texts[row.text][None])[0])
        results.apply_score(row, score, limits=limits)
        row.precision = engine.encoder.precision
        row.top_categories = (
            engine.rank(vector, categories, top_k=TOP_CATEGORIES) if categories else []
        )


def _write_back(batch: Sequence[Analysis], *, token: uuid.UUID | None) -> None:
    """Save the answers whose claim still stands, all or none, and let products and queue follow."""
    with transaction.atomic():
        standing = set(
            Analysis.objects.select_for_update()
            .filter(claim_token=token, status=RUNNING)
            .values_list("pk", flat=True)
        )
        answered = [row for row in batch if row.pk in standing]
        for row in answered:
            row.claim_token = row.lease_expires_at = None
        Analysis.objects.bulk_update(answered, results.RESULT_FIELDS)
        results.settle(answered)
