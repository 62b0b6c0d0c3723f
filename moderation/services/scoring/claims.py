"""Who works on which analysis: claims with a lease, and what comes back of dead workers.

A claim sets a token and a lease and counts the attempt, in one short transaction; times are the
database's. What failed once travels alone, so a photo that kills its worker takes no neighbour
with it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from moderation.models import Analysis, ModelVersion
from moderation.models.querysets import AnalysisQuerySet

from ..rules import photos_away
from ..worker import heartbeat
from ..worker.about import this_worker
from . import results

# Why a sweep gives an analysis up after its last attempt, as the figures name it.
LEASE_EXPIRED, WORKER_GONE = "lease_expired", "worker_gone"
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
    # One model version a batch: the encoder runs one model at a time.
    version = candidates.order_by("attempts", "id").values_list("model_version", flat=True).first()
    if version is None:
        return []
    rows = candidates.filter(model_version=version).order_by("attempts", "id")
    token = uuid.uuid4()
    with transaction.atomic():
        # What another worker claims at this moment is passed over, where the database can tell.
        ids = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True)[:size])
        Analysis.objects.filter(pk__in=ids).update(
            status=RUNNING,
            claim_token=token,
            claimed_by=owner,
            lease_expires_at=Now() + timedelta(seconds=settings.ANALYSIS_LEASE_SECONDS),
            attempts=F("attempts") + 1,
        )
    return list(
        Analysis.objects.filter(pk__in=ids, claim_token=token, status=RUNNING)
        .select_related("product__category", "model_version")
        .order_by("id")
    )


def release(held: AnalysisQuerySet, *, reason: str, cause: str = "") -> int:
    """Return claimed rows to pending, or fail those whose attempts are used up.

    The figures count those under `cause`, where one is given.
    """
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
    if cause and given_up:
        this_worker.gave_up(cause, len(given_up))
    return len(given_up) + returned


def give_back(held: AnalysisQuerySet, *, reason: str) -> int:
    """Return claimed rows to pending as if never claimed: what went wrong is no fault of theirs."""
    return held.update(
        status=PENDING,
        error=reason,
        claim_token=None,
        lease_expires_at=None,
        attempts=F("attempts") - 1,
    )


def waits_for_photos() -> str:
    """Why the head of the line went back, where the photos are away; else an empty text."""
    running = Analysis.objects.running().filter(error__startswith=photos_away.BEGINNING)
    head = Analysis.objects.pending().order_by("attempts", "id")
    reasons = [
        *running.order_by().values_list("error", flat=True)[:1],
        *head.values_list("error", flat=True)[:1],
    ]
    return next((why for why in reasons if why.startswith(photos_away.BEGINNING)), "")


def sweep(*, owner: str = "") -> int:
    """Return what dead workers held: by lease, by lack of a heartbeat, by death of the process.

    And what `owner` holds, who asks between two batches: an answer that could not be written.
    """
    reason = "The worker stopped while it had claimed this analysis."
    expired = Analysis.objects.running().filter(lease_expires_at__lte=Now())
    count = release(expired, reason=reason, cause=LEASE_EXPIRED)
    count += release(stranded(), reason=reason, cause=WORKER_GONE)
    if owner:
        left = Analysis.objects.running().filter(claimed_by=owner)
        count += give_back(left, reason="The database did not answer.")
    return count


@dataclass(frozen=True)
class Backlog:
    """How many analyses wait, are in hand, and of those in the hands of silent workers."""

    pending: int
    running: int
    stranded: int


def backlog() -> Backlog:
    return Backlog(
        pending=Analysis.objects.pending().count(),
        running=Analysis.objects.running().count(),
        stranded=stranded().count(),
    )


def stranded() -> AnalysisQuerySet:
    """What workers hold that give no heartbeat any more, or are known to be gone."""
    owners = Analysis.objects.running().order_by().values_list("claimed_by", flat=True).distinct()
    living = set(heartbeat.living().values_list("worker", flat=True))
    dead = [owner for owner in owners if owner not in living or heartbeat.is_dead(owner)]
    return Analysis.objects.running().filter(claimed_by__in=dead)
