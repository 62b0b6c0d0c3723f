"""Analyses from asked for to answered: request, claim, score, write back, sweep.

Nothing here trusts the queue. The row is the truth: a claim is one conditional UPDATE that sets a
token and a lease and counts the attempt; the answer is written only where the token still stands;
whatever a dead worker held comes back by its lease. What failed once travels alone, so a photo
that kills its worker takes no neighbour with it.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.utils import timezone

from moderation.clip import scoring
from moderation.clip.errors import ImageError, ModelError
from moderation.models import Analysis, ModelVersion, Product
from moderation.models.querysets import AnalysisQuerySet

from . import embeddings, review, versions, worker
from .engine import TOP_CATEGORIES, Engine, active_categories, engine_for

logger = logging.getLogger(__name__)

RUNNING, PENDING = Analysis.Status.RUNNING, Analysis.Status.PENDING
DONE, FAILED = Analysis.Status.DONE, Analysis.Status.FAILED


def request(
    products: Iterable[Product],
    *,
    version: ModelVersion | None = None,
    threshold: float | None = None,
) -> int:
    """Ask for an analysis of each product as it is now; returns how many rows are new.

    Asking twice is harmless: a product has at most one live analysis per content and version.
    Questions about an older photo or text that nobody has begun to answer are dropped.
    """
    version = version or versions.current()
    products = list(products)
    with transaction.atomic():
        Analysis.objects.pending().filter(product__in=products).exclude(
            content_hash=Subquery(
                Product.objects.filter(pk=OuterRef("product")).values("content_hash")
            )
        ).delete()
        review.withdraw_changed(products)
        before = _live_count(products, version)
        Analysis.objects.bulk_create(
            [_question(product, version, threshold) for product in products],
            ignore_conflicts=True,
            batch_size=500,
        )
        created = _live_count(products, version) - before
        transaction.on_commit(worker.ring)
    return created


def move_questions(old: ModelVersion, *, to: ModelVersion) -> None:
    """Ask the new version what nobody has begun to ask the old one."""
    with transaction.atomic():
        waiting = Analysis.objects.pending().filter(model_version=old)
        products = list(Product.objects.filter(pk__in=waiting.values("product")))
        waiting.delete()
        request(products, version=to)


def _live_count(products: list[Product], version: ModelVersion) -> int:
    return Analysis.objects.live().filter(product__in=products, model_version=version).count()


def _question(product: Product, version: ModelVersion, threshold: float | None) -> Analysis:
    return Analysis(
        product=product,
        model_version=version,
        text=product.text,
        image=product.image.name or "",
        image_sha256=product.image_sha256,
        content_hash=product.content_hash,
        threshold_override=threshold,
    )


def claim_batches(
    *, size: int, owner: str, usable: Sequence[ModelVersion] | None = None
) -> Iterator[list[Analysis]]:
    """Claim what is pending, batch after batch, until nothing is left.

    Fresh rows come together; a row that was attempted before comes alone, after each batch.
    `usable` limits the claims to these model versions.
    """
    pending = Analysis.objects.pending()
    if usable is not None:
        pending = pending.filter(model_version__in=usable)
    while True:
        fresh = _claim(pending.filter(attempts=0), size=size, owner=owner)
        if fresh:
            yield fresh
        retried = _claim(pending.filter(attempts__gt=0), size=1, owner=owner)
        if retried:
            yield retried
        if not fresh and not retried:
            return


def _claim(candidates: AnalysisQuerySet, *, size: int, owner: str) -> list[Analysis]:
    candidates = candidates.order_by("attempts", "id")
    # Another worker may take the same rows first; then the next ones are tried.
    while (first := candidates.first()) is not None:
        # One model version a batch: the encoder runs one model at a time.
        ids = list(
            candidates.filter(model_version=first.model_version_id).values_list("pk", flat=True)[
                :size
            ]
        )
        token = uuid.uuid4()
        if (
            Analysis.objects.pending()
            .filter(pk__in=ids)
            .update(
                status=RUNNING,
                claim_token=token,
                claimed_by=owner,
                lease_expires_at=timezone.now()
                + timedelta(seconds=settings.ANALYSIS_LEASE_SECONDS),
                attempts=F("attempts") + 1,
            )
        ):
            return list(
                Analysis.objects.filter(claim_token=token, status=RUNNING)
                .select_related("product__category", "model_version")
                .order_by("id")
            )
    return []


def run_pending(*, owner: str, seconds: float) -> int:
    """Claim and answer what is pending for about `seconds`; returns how many rows were claimed.

    The models are loaded before the first claim, so that a missing one costs no attempt: its rows
    stay pending, and the others go on. Raises `ModelError` where no model that is asked for loads.
    """
    deadline = time.monotonic() + seconds
    count = 0
    usable = _usable_versions()
    for batch in claim_batches(size=settings.CLIP_BATCH_SIZE, owner=owner, usable=usable):
        worker.beat(owner, doing=f"analysing {len(batch)} products")
        answer(batch)
        count += len(batch)
        if time.monotonic() > deadline:
            worker.ring()  # more may wait: the next message goes on
            break
    worker.beat(owner)
    return count


def _usable_versions() -> list[ModelVersion]:
    """The model versions that pending rows ask for and that can be loaded here."""
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
        _release(held, reason=f"{type(error).__name__}: {error}")


def _score(engine: Engine, batch: Sequence[Analysis]) -> None:
    """Fill in the result fields of each row; nothing is saved here."""
    root = Path(settings.MEDIA_ROOT)
    images = embeddings.image_vectors(
        engine, [(row.image_sha256, root / row.image) for row in batch]
    )
    texts = embeddings.text_vectors(engine, [row.text for row in batch])
    categories = active_categories()
    for row in batch:
        vector = images[row.image_sha256]
        row.finished_at = timezone.now()
        if isinstance(vector, ImageError):
            row.status, row.error = FAILED, str(vector)
            continue
        score = float(scoring.similarity(vector[None], texts[row.text][None])[0])
        apply_score(row, score)
        row.precision = engine.encoder.precision
        row.top_categories = (
            engine.rank(vector, categories, top_k=TOP_CATEGORIES) if categories else []
        )


def apply_score(row: Analysis, score: float) -> None:
    """Judge a similarity by the threshold that holds for this row and mark the row done."""
    threshold = versions.threshold_for(
        row.model_version, category=row.product.category, override=row.threshold_override
    )
    row.similarity = score
    row.p_mismatch = row.model_version.p_mismatch(score)
    row.threshold_used = threshold
    row.is_mismatch = scoring.judge(score, threshold=threshold).is_mismatch
    row.status, row.error = DONE, ""


_RESULT_FIELDS = [
    "status",
    "error",
    "similarity",
    "p_mismatch",
    "threshold_used",
    "is_mismatch",
    "top_categories",
    "precision",
    "finished_at",
    "claim_token",
    "lease_expires_at",
]


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
        Analysis.objects.bulk_update(answered, _RESULT_FIELDS)
        settle(answered)


def settle(answered: Sequence[Analysis]) -> None:
    """Point the products at these finished analyses and open, move or withdraw review items.

    An analysis speaks only for the photo and text it saw: where the product has changed since,
    neither pointer nor queue moves. Call it in the transaction that saves the analyses.
    """
    product_ids = [row.product_id for row in answered]
    # Two workers may settle the same product; in one order, so that they never wait in a ring.
    list(Product.objects.select_for_update().filter(pk__in=product_ids).order_by("pk"))
    of_product = Analysis.objects.filter(
        pk__in=[row.pk for row in answered],
        product=OuterRef("pk"),
        content_hash=OuterRef("content_hash"),
    ).order_by("-pk")
    Product.objects.filter(pk__in=product_ids).annotate(
        newest=Subquery(of_product.values("pk")[:1])
    ).filter(Q(analysis=None) | Q(newest__gt=F("analysis"))).update(analysis=F("newest"))
    review.follow([row for row in answered if row.status == DONE])


def _release(held: AnalysisQuerySet, *, reason: str) -> int:
    """Return claimed rows to pending, or fail those whose attempts are used up."""
    limit = settings.ANALYSIS_MAX_ATTEMPTS
    with transaction.atomic():
        given_up = list(held.select_for_update().filter(attempts__gte=limit))
        for row in given_up:
            row.status, row.error = FAILED, f"Given up after {limit} attempts. {reason}"
            row.finished_at = timezone.now()
            row.claim_token = row.lease_expires_at = None
        Analysis.objects.bulk_update(given_up, _RESULT_FIELDS)
        settle(given_up)
        returned = held.update(
            status=PENDING, error=reason, claim_token=None, lease_expires_at=None
        )
    return len(given_up) + returned


def sweep() -> int:
    """Return what dead workers held, by lease or by death of the process; ring if work waits."""
    running = Analysis.objects.filter(status=RUNNING)
    reason = "The worker stopped while it had this analysis in hand."
    count = _release(running.filter(lease_expires_at__lte=timezone.now()), reason=reason)
    owners = running.order_by().values_list("claimed_by", flat=True).distinct()
    dead = [owner for owner in owners if worker.is_dead(owner)]
    if dead:
        count += _release(running.filter(claimed_by__in=dead), reason=reason)
    if Analysis.objects.pending().exists():
        worker.ring()
    return count
