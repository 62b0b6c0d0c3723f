"""Analyses from request to answer: request, claim, score, write back.

Nothing here trusts the queue. The row is the truth: it is claimed with a token (`claims`), its
answer is written only where the token still stands, and products and queue follow (`results`).
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from moderation.clip import scoring
from moderation.clip.errors import ImageError, ModelError, Unread
from moderation.models import Analysis, ModelVersion, Product

from ..encoding import embeddings, further_photos, text_parts
from ..encoding.engine import TOP_CATEGORIES, Engine, active_categories, engine_for
from ..queue import explain, review_queue, similar
from ..registry import questions, versions
from ..rules import photos, photos_away, reading
from ..rules.thresholds import Thresholds
from ..worker import heartbeat
from ..worker.about import this_worker
from ..worker.patience import GONE
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
    Pending requests about an older photo or text are dropped. A product whose main photo is still
    to be fetched is passed over: when that is here, it is requested again.
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
        here = set(
            Product.objects.scorable()
            .filter(pk__in=[product.pk for product in products])
            .values_list("pk", flat=True)
        )
        usable = [product for product in products if product.pk in here]
        return questions.request(usable, version=version, threshold=threshold)


def run_pending(*, owner: str, seconds: float) -> int:
    """Claim and answer what is pending for about `seconds`; returns how many rows were claimed.

    The models are loaded before the first claim, so that a missing one costs no attempt: its rows
    stay pending, and the others continue. Raises `ModelError` where no requested model loads, and
    `PhotosAway`.
    """
    deadline = time.monotonic() + seconds
    count, away = 0, claims.waits_for_photos()
    with heartbeat.beating(owner, doing=away or "loading the model"):
        usable = _usable_versions()
    for batch in claims.claim_batches(size=settings.CLIP_BATCH_SIZE, owner=owner, usable=usable):
        started = time.monotonic()
        with heartbeat.beating(owner, doing=away or f"analysing {len(batch)} products"):
            outcomes = answer(batch)
        away = ""
        this_worker.answered(outcomes, seconds=time.monotonic() - started)
        count += len(batch)
        if time.monotonic() > deadline:
            break  # more may wait, and is found by looking
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


def answer(batch: Sequence[Analysis]) -> Counter[str]:
    """Score a claimed batch (of one model version) and write each answer where the claim stands.

    A batch that fails as a whole goes back to pending with its attempt counted, or to FAILED
    at the limit, and so does one photo that a disk does not give; a photo that cannot be used fails
    at once, with its reason. Where no photo can be read, all go back and nothing is counted:
    `PhotosAway` is raised. Returns how many ended how: `done`, the code of their `ImageError`, or
    `batch_failed`.
    """
    token = batch[0].claim_token
    held = Analysis.objects.filter(claim_token=token, status=RUNNING)
    try:
        engine = engine_for(batch[0].model_version)
        outcomes, unread = _score(engine, batch)
        _write_back([row for row in batch if row.pk not in unread], token=token)
        for key, reason in unread.items():
            claims.release(held.filter(pk=key), reason=reason)
    except GONE:
        raise  # nothing can be written now; the next sweep gives the rows back
    except photos_away.PhotosAway as error:
        claims.give_back(held, reason=str(error))
        raise
    except Exception as error:
        # Whatever went wrong is of this batch; the worker must live on for the others.
        logger.exception("A batch of %d analyses failed", len(batch))
        claims.release(held, reason=f"{type(error).__name__}: {error}")
        return Counter(batch_failed=len(batch))
    explain.explain(batch)
    similar.assign(batch)
    return outcomes


def _score(engine: Engine, batch: Sequence[Analysis]) -> tuple[Counter[str], dict[int, str]]:
    """Fill in the result fields of each row; nothing is saved here.

    Returns how many ended how, and the rows, by key, whose photo could not be read just now, with
    the reason.
    """
    outcomes: Counter[str] = Counter()
    images = embeddings.image_vectors(
        engine, [(row.image_sha256, photos.source(row.image)) for row in batch]
    )
    version = batch[0].model_version
    unread = {row.text: reading.unreadable(version, row.text) for row in batch}
    texts = embeddings.text_vectors(engine, [text for text, code in unread.items() if not code])
    categories, limits = active_categories(), Thresholds(version)
    not_read: dict[int, str] = {}
    for row in batch:
        vector = images[row.image_sha256]
        if isinstance(vector, Unread):
            not_read[row.pk] = str(vector)
            outcomes[vector.code] += 1
            continue
        row.finished_at = timezone.now()
        if isinstance(vector, ImageError):
            row.status, row.error = FAILED, str(vector)
            outcomes[vector.code] += 1
            continue
        outcomes["done"] += 1
        if code := unread[row.text]:
            results.apply_unreadable(row, code)
        else:
            score = float(scoring.similarity(vector[None], texts[row.text][None])[0])
            results.apply_score(row, score, limits=limits)
        row.precision = engine.encoder.arithmetic
        row.top_categories = (
            engine.rank(vector, categories, top_k=TOP_CATEGORIES) if categories else []
        )
    text_parts.fill(engine, batch, images)
    done = [row for row in batch if row.status == Analysis.Status.DONE]
    further_photos.fill(engine, done, texts)
    return outcomes, not_read


def _write_back(batch: Sequence[Analysis], *, token: uuid.UUID | None) -> None:
    """Save the answers whose claim still stands, all or none, and let products and queue follow."""
    with transaction.atomic():
        standing = set(
            Analysis.objects.select_for_update()
            .filter(claim_token=token, status=RUNNING)
            .values_list("pk", flat=True)
        )
        answered = [row for row in batch if row.pk in standing]
        results.take_calibration_of_now(answered)
        for row in answered:
            row.claim_token = row.lease_expires_at = None
        Analysis.objects.bulk_update(answered, results.RESULT_FIELDS)
        results.settle(answered)
