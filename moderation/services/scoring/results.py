"""What an answer changes: the analysis itself, where its product points, and the queue."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import F, OuterRef, Q, Subquery

from moderation.clip import scoring
from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Analysis, ModelVersion, Product

from ..queue import draws, review_queue
from ..rules.thresholds import Thresholds, traits
from . import second_judge

RESULT_FIELDS = [
    "status",
    "error",
    "similarity",
    "p_mismatch",
    "threshold_used",
    "is_mismatch",
    "unreadable",
    "top_categories",
    "precision",
    "preparation",
    "parts",
    "photos",
    "finished_at",
    "claim_token",
    "lease_expires_at",
]


def apply_score(row: Analysis, score: float, *, limits: Thresholds | None = None) -> None:
    """Judge a similarity by the threshold that holds for this row and mark the row done.

    `limits` are those of its version, for a caller with many rows.
    """
    version, category = row.model_version, row.product.category
    limits = limits or Thresholds(version)
    threshold = limits.of(traits(row.product), override=row.threshold_override)
    row.similarity, row.preparation = score, PREPARATION
    row.p_mismatch = version.p_mismatch(score, category.name if category else None)
    row.threshold_used = threshold
    row.is_mismatch = scoring.judge(score, threshold=threshold).is_mismatch
    row.unreadable = ""
    row.status, row.error = Analysis.Status.DONE, ""


def take_calibration_of_now(rows: Sequence[Analysis]) -> None:
    """Tell P(mismatch) of a batch by the calibration of this moment, just before it is saved.

    It may have changed while the photos were encoded. Who changed it then lets the finished
    analyses follow, and would not come back for those of this batch.
    """
    if not rows:
        return
    read = rows[0].model_version
    now = ModelVersion.objects.get(pk=read.pk)
    curves = [(one.platt_a, one.platt_b, one.calibration) for one in (read, now)]
    if curves[0] == curves[1]:
        return
    for row in rows:
        if row.similarity is not None:
            category = row.product.category
            row.p_mismatch = now.p_mismatch(row.similarity, category.name if category else None)


def apply_unreadable(row: Analysis, code: str) -> None:
    """Mark the row done without an answer: its text is in a language that its model cannot read."""
    row.similarity = row.p_mismatch = row.threshold_used = row.is_mismatch = None
    row.unreadable, row.preparation, row.parts = code, PREPARATION, None
    row.status, row.error = Analysis.Status.DONE, ""


def settle(answered: Sequence[Analysis]) -> None:
    """Point the products at these finished analyses and open, move or withdraw review items.

    An analysis speaks only for the photo and text it saw: where the product has changed since,
    neither pointer nor queue moves. Call it in the transaction that saves the analyses.
    """
    product_ids = [row.product_id for row in answered]
    # Two workers may settle the same product; in one order, so that they never wait in a ring.
    locked = Product.objects.select_for_update().filter(pk__in=product_ids).order_by("pk")
    list(locked.values_list("pk"))
    of_product = Analysis.objects.filter(
        pk__in=[row.pk for row in answered],
        product=OuterRef("pk"),
        content_hash=OuterRef("content_hash"),
    ).order_by("-pk")
    Product.objects.filter(pk__in=product_ids).annotate(
        newest=Subquery(of_product.values("pk")[:1])
    ).filter(Q(analysis=None) | Q(newest__gt=F("analysis"))).update(analysis=F("newest"))
    for version in {row.model_version for row in answered}:
        draws.mark(product_ids, version=version)
    done = [row for row in answered if row.status == Analysis.Status.DONE]
    second_judge.ask(done)
    review_queue.follow(done)
