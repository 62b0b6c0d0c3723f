"""What was written down of work that is done: messages to the shop, results of tasks, runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django_q.models import Task

from moderation.models import Delivery, SourceListing, SourceRun

from ..catalogue.sources.whole import WHOLE
from ..queries.one_parameter import among
from . import log
from .periods import Kind

CHUNK = 2000
State = Delivery.State


def remove_deliveries(before: datetime, *, dry_run: bool) -> Iterator[Counter[str]]:
    """Delivered ones, and those that were withheld.

    One that waits, or was given up, stays: somebody may still want it to arrive.
    """
    rows = Delivery.objects.filter(state__in=[State.SENT, State.CANCELLED]).order_by("pk")
    ended = rows.alias(ended_at=Coalesce("sent_at", "tried_at", "created_at"))
    return _remove(ended.filter(ended_at__lt=before), Kind.DELIVERIES, dry_run=dry_run)


def remove_task_results(before: datetime, *, dry_run: bool) -> Iterator[Counter[str]]:
    """What django-q keeps of tasks, failed ones too; the last run of this work stays."""
    rows = Task.objects.filter(stopped__lt=before).order_by("stopped")
    if (last := log.newest()) is not None:
        rows = rows.exclude(pk=last.pk)
    return _remove(rows, Kind.TASK_RESULTS, dry_run=dry_run)


def remove_source_runs(before: datetime, *, dry_run: bool) -> Iterator[Counter[str]]:
    """Finished ones that no listing was found in last.

    But for the newest of each source, and its newest of a whole file: later ones are held to it.
    """
    named = SourceListing.objects.filter(run=OuterRef("pk"))
    newer = SourceRun.objects.filter(source=OuterRef("source"), pk__gt=OuterRef("pk"))
    whole = Q(**{f"read__{WHOLE}": True})
    held_to = SourceRun.objects.filter(whole).filter(~Exists(newer.filter(whole)))
    ended = [SourceRun.State.DONE, SourceRun.State.NOTHING_NEW, SourceRun.State.FAILED]
    rows = SourceRun.objects.filter(state__in=ended, finished_at__lt=before).order_by("pk")
    rows = rows.filter(~Exists(named), Exists(newer)).exclude(pk__in=held_to.values("pk"))
    return _remove(rows, Kind.SOURCE_RUNS, dry_run=dry_run)


def _remove(rows: QuerySet, kind: Kind, *, dry_run: bool) -> Iterator[Counter[str]]:
    """A chunk in each transaction; what has changed meanwhile, as a message sent again, stays."""
    if dry_run:
        yield Counter({kind: rows.count()})
        return
    while keys := list(rows.values_list("pk", flat=True)[:CHUNK]):
        gone, _ = rows.order_by().filter(among("pk", keys)).delete()
        if not gone:
            return
        yield Counter({kind: gone})
