"""Listings that a source had and has no longer: told, asked about, withdrawn or let go."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from moderation import acts
from moderation.models import CatalogueSource, SourceListing, SourceRun

from ...queries.one_parameter import among
from .. import withdrawal
from . import due
from .problems import SourceError

State = SourceRun.State
Missing = CatalogueSource.Missing
_CHUNK = 500


def of(run: SourceRun) -> QuerySet[SourceListing]:
    """Present listings of the source that this run, its newest, did not find.

    Left out are those that another source has: found by the last run that read it, or since.
    """
    last = SourceRun.objects.filter(
        source=OuterRef("source"), state__in=[State.DONE, State.ASKS]
    ).order_by("-pk")
    elsewhere = SourceListing.objects.filter(product=OuterRef("product")).exclude(
        source=run.source_id
    )
    still_there = Q(run__gte=Coalesce(Subquery(last.values("pk")[:1]), 0))
    older = Q(run__lt=run.pk) | Q(run=None)
    rows = SourceListing.objects.filter(older, source=run.source_id, product__withdrawn_at=None)
    return rows.exclude(Exists(elsewhere.filter(still_there)))


def known(source: CatalogueSource) -> int:
    """How many listings it has that are offered."""
    return SourceListing.objects.filter(source=source, product__withdrawn_at=None).count()


def withdraw(run: SourceRun, owner: str, *, check: Callable[[], None]) -> None:
    """Withdraw what is missing, a few in each transaction. Raises `Lost`, `Interrupted`."""
    while keys := list(of(run).order_by("pk").values_list("product", flat=True)[:_CHUNK]):
        check()
        due.check_pause()
        with transaction.atomic():
            count = withdrawal.withdraw(keys, by=run.by)
            # Brought back by hand, it is not this source's any more.
            gone = SourceListing.objects.filter(among("product", keys), source=run.source_id)
            gone.delete()
            due.renew(run, owner, withdrawn=F("withdrawn") + count)


def asking(source: CatalogueSource) -> SourceRun | None:
    """The run that waits for an answer."""
    return source.runs.filter(state=State.ASKS).first()


def answer(source: CatalogueSource, what: str, *, by: User | None) -> SourceRun:
    """Say what becomes of the missing listings; the worker withdraws them.

    Kept ones are the source's no longer, so that no run asks about them again. Raises
    `SourceError`.
    """
    run = asking(source)
    if run is None:
        raise SourceError(f"No run of {source} asks anything.")
    waits = SourceRun.objects.filter(pk=run.pk, state=State.ASKS)
    try:
        with transaction.atomic():
            if what == Missing.KEEP:
                SourceListing.objects.filter(pk__in=of(run).values("pk")).delete()
                answered = waits.update(state=State.DONE, answer=what, by=by)
            else:
                answered = waits.update(state=State.WAITING, answer=what, by=by, attempts=0)
    except IntegrityError as error:
        raise SourceError(f"A run of {source} is under way; answer when it has ended.") from error
    if not answered:
        raise SourceError(f"Somebody else has answered for {source} meanwhile.")
    acts.note("answered for a source", by=by, source=source.pk, run=run.pk, answer=what)
    run.refresh_from_db()
    return run


def close_older_questions(run: SourceRun) -> None:
    """A later reading asks anew, where there is anything to ask."""
    older = SourceRun.objects.filter(source=run.source_id, state=State.ASKS, pk__lt=run.pk)
    older.update(state=State.DONE, kept_because="Nobody answered before the next run.")
