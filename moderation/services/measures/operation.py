"""The figures for whoever watches the site, from the database as it is at this moment.

Each is read from an index, or from the few rows that workers keep of themselves, so that asking
every few seconds costs nothing at a million products.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import (
    Count,
    DurationField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
)
from django.db.models.functions import Now
from django.utils import timezone

from moderation.models import Analysis, Decision, Delivery, ReviewItem, WorkPause

from ..catalogue.fetching import retries
from ..catalogue.sources import state as source_state
from ..catalogue.sources.state import Wanting
from ..retention import log
from ..retention.log import LastRun
from ..scoring import claims
from ..scoring.claims import Backlog
from ..worker import pause
from .workers import Worker, workers

_LIVE = [Delivery.State.WAITING, Delivery.State.SENDING]


@dataclass(frozen=True)
class Operation:
    """What waits, for how long (in seconds), what was done, and who does it."""

    backlog: Backlog
    oldest_pending: float
    open: int
    oldest_open: float
    decisions: Mapping[str, int]  # of the last hour, by verdict
    webhooks_due: int
    webhooks_retried: int
    webhooks_failed: int
    photos_waiting: int
    photos_failed: Mapping[str, int]  # by the code of the problem
    sources: Wanting
    workers: list[Worker]
    pause: WorkPause | None
    retention: LastRun | None


def operation() -> Operation:
    """The present state, in a dozen cheap queries."""
    open_items = ReviewItem.objects.open()
    deliveries = _deliveries()
    return Operation(
        backlog=claims.backlog(),
        oldest_pending=_oldest_pending(),
        open=open_items.count(),
        oldest_open=_age(open_items.order_by("opened_at"), "opened_at"),
        decisions=_decisions(),
        webhooks_due=deliveries["due"],
        webhooks_retried=deliveries["retried"],
        webhooks_failed=Delivery.objects.filter(state=Delivery.State.FAILED).count(),
        photos_waiting=retries.waiting(),
        photos_failed=retries.failed_by_problem(),
        sources=source_state.wanting(),
        workers=workers(),
        pause=pause.present(),
        retention=log.last_run(),
    )


def _deliveries() -> dict[str, int]:
    """Of the messages that are not sent yet."""
    is_due, is_retried = Q(due_at__lte=timezone.now()), Q(attempts__gt=0)
    counts = {"due": Count("pk", filter=is_due), "retried": Count("pk", filter=is_retried)}
    return Delivery.objects.filter(state__in=_LIVE).aggregate(**counts)


def _oldest_pending() -> float:
    """Seconds; the index has the rows by their attempts, the oldest of each first."""
    attempts = range(settings.ANALYSIS_MAX_ATTEMPTS + 1)
    pending = Analysis.objects.pending()
    return max(
        _age(pending.filter(attempts=number).order_by("attempts", "id"), "created_at")
        for number in attempts
    )


def _age(rows: QuerySet, field: str) -> float:
    """Seconds since `field` of the first of these rows; 0 where there is none."""
    age = ExpressionWrapper(Now() - F(field), output_field=DurationField())
    found = rows.annotate(age=age).values_list("age", flat=True).first()
    return 0.0 if found is None else max(found.total_seconds(), 0.0)


def _decisions() -> dict[str, int]:
    since = timezone.now() - timedelta(hours=1)
    rows = Decision.objects.filter(created_at__gte=since).order_by()
    found = dict(rows.values_list("verdict").annotate(number=Count("pk")))
    return {verdict: found.get(verdict, 0) for verdict in Decision.Verdict.values}
