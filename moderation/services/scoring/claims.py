"""Who works on which analysis: claims with a lease, and what comes back of dead workers.

A claim is one conditional UPDATE that sets a token and a lease and counts the attempt. What failed
once travels alone, so a photo that kills its worker takes no neighbour with it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from moderation.models import Analysis, ModelVersion
from moderation.models.querysets import AnalysisQuerySet

from ..worker import doorbell, heartbeat
from . import results

PENDING, RUNNING, FAILED = Analysis.Status.PENDING, Analysis.Status.RUNNING, Analysis.Status.FAILED


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


def release(held: AnalysisQuerySet, *, reason: str) -> int:
    """Return claimed rows to pending, or fail those whose attempts are used up."""
    limit = settings.ANALYSIS_MAX_ATTEMPTS
    with transaction.atomic():
        given_up = list(held.select_for_update().filter(attempts__gte=limit))
        for row in given_up:
            row.status, row.error = FAILED, f"Given up after {limit} attempts. {reason}"
            row.finished_at = timezone.now()
            row.claim_token = row.lease_expires_at = None
        Analysis.objects.bulk_update(given_up, results.RESULT_FIELDS)
        results.settle(given_up)
        returned = held.update(
            status=PENDING, error=reason, claim_token=None, lease_expires_at=None
        )
    return len(given_up) + returned


def sweep() -> int:
    """Return what dead workers held, by lease or by death of the process; ring if work waits."""
    running = Analysis.objects.filter(status=RUNNING)
    reason = "The worker stopped while it had claimed this analysis."
    count = release(running.filter(lease_expires_at__lte=timezone.now()), reason=reason)
    owners = running.order_by().values_list("claimed_by", flat=True).distinct()
    dead = [owner for owner in owners if heartbeat.is_dead(owner)]
    if dead:
        count += release(running.filter(claimed_by__in=dead), reason=reason)
    if Analysis.objects.pending().exists():
        doorbell.ring()
    return count
