"""Taking automatic decisions back: what was confirmed by a score that is trusted no longer.

Nothing is deleted: each decision gets a row that undoes it, as a moderator's undo does. Its product
then waits for a person, or leaves the queue, as its present scores say.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet

from moderation.models import Decision, ModelVersion, Product, ReviewItem, VersionEvent
from moderation.models.querysets import DecisionQuerySet

from ..integration import webhooks
from ..queries.one_parameter import among
from ..registry import version_log
from . import queue_rollback
from .threshold_targets import ThresholdError

AUTOMATIC, UNDO = Decision.Mode.AUTOMATIC, Decision.Verdict.UNDO
WITHDRAWN = ReviewItem.State.WITHDRAWN
CHUNK = 1000

Progress = Callable[[int, int], None]


def standing(version: ModelVersion, *, since: datetime | None = None) -> DecisionQuerySet:
    """The automatic decisions by this version's scores that hold."""
    found = Decision.objects.standing().filter(mode=AUTOMATIC, analysis__model_version=version)
    return found if since is None else found.filter(created_at__gte=since)


def undo(decisions: QuerySet[Decision], *, by: User | None, why: str) -> int:
    """Mark these decisions as undone and close their items; returns how many (products locked).

    Without `by` an undo is in the name of the person the decision was made for.
    """
    taken = list(decisions)
    undone = Decision.objects.bulk_create(
        Decision(
            item_id=one.item_id,
            analysis_id=one.analysis_id,
            moderator_id=by.pk if by else one.moderator_id,
            verdict=UNDO,
            note=why[:500],
            mode=AUTOMATIC,
            corrects=one,
        )
        for one in taken
    )
    known = webhooks.hold_back(taken)
    webhooks.announce([row for row in undone if row.corrects_id in known])
    items = ReviewItem.objects.filter(among("pk", [one.item_id for one in taken]))
    items.filter(state=ReviewItem.State.DECIDED).update(state=WITHDRAWN)
    return len(taken)


def take_back(
    version: ModelVersion, *, by: User | None = None, progress: Progress | None = None
) -> int:
    """Undo every automatic decision by this version's scores; returns how many.

    Products that are flagged, or in the random sample, by their present scores wait for a person
    then. Raises `ThresholdError` where `by` may not.
    """
    if by is not None and not (by.is_active and by.has_perm("moderation.set_threshold")):
        raise ThresholdError(
            f"{by.get_username()} may not take automatic decisions back; a lead may."
        )
    total, done, last = standing(version).count(), 0, 0
    why = f"All automatic decisions of “{version.name}” were taken back."
    left = Product.objects.filter(analyses__decisions__in=standing(version)).order_by("pk")
    keys = left.values_list("pk", flat=True).distinct()
    while chunk := list(keys.filter(pk__gt=last)[:CHUNK]):
        last = chunk[-1]
        with transaction.atomic():
            # First, as every writer of answers does, and in one order.
            products = Product.objects.filter(among("pk", chunk)).order_by("pk")
            list(products.select_for_update(no_key=True).values_list("pk"))
            of_these = standing(version).filter(among("analysis__product", chunk))
            done += undo(of_these, by=by, why=why)
            queue_rollback.reopen(products)
        if progress:
            progress(done, max(total, done))
    if done:
        VersionEvent.objects.create(
            version=version,
            kind=version_log.Kind.THRESHOLD,
            by=by,
            reason=f"{done:,} automatic decisions taken back.",
            after={"automatic_undone": done},
        )
    return done
