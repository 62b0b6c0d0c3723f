"""Whose turn it is: sources whose time has come, and runs that processes claim.

A run is in the hands of one process at a time, by a lease on the database's clock. It is renewed
beside the work; a process that is killed loses it, and another begins the run again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Now

from moderation.models import CatalogueSource, SourceRun

from ...worker import heartbeat, pause
from ...worker.patience import GONE
from .problems import Interrupted, Lost, SourceError

State = SourceRun.State

LEASE = timedelta(seconds=120)
ATTEMPTS = 3  # processes that a run may cost before it counts as failed
LIVE = (State.WAITING, State.RUNNING)


def request(source: CatalogueSource, *, by: User | None) -> SourceRun:
    """Have a source read now. Raises `SourceError` where that is under way."""
    return _begin(source, by=by)


def begin(source: CatalogueSource, owner: str, *, by: User | None) -> SourceRun:
    """A run that this process has from its beginning. Raises `SourceError` as `request`."""
    held = {"claimed_by": owner, "lease_expires_at": Now() + LEASE}
    run = _begin(source, by=by, state=State.RUNNING, attempts=1, started_at=Now(), **held)
    return SourceRun.objects.select_related("source", "by").get(pk=run.pk)


def _begin(source: CatalogueSource, **fields: Any) -> SourceRun:
    try:
        with transaction.atomic():
            return SourceRun.objects.create(source=source, **fields)
    except IntegrityError as error:
        raise SourceError(f"A run of {source} is under way already.") from error


def is_any() -> bool:
    """Whether there is a run to claim, or a source whose time has come."""
    if pause.present():
        return False
    _take_from_the_dead()
    return _due().exists() or _free().exists()


def claim(owner: str) -> SourceRun | None:
    """A run that this process has from now on; None where there is none, or all work is paused."""
    if pause.present():
        return None
    _take_from_the_dead()
    _begin_those_due()
    for pk in list(_free().order_by("pk").values_list("pk", flat=True)):
        if run := claim_one(pk, owner):
            return run
    return None


def claim_one(pk: int, owner: str) -> SourceRun | None:
    """This run, where it is free. One that has cost too many processes fails instead."""
    taken = _free().filter(pk=pk)
    if not taken.update(
        state=State.RUNNING,
        claimed_by=owner,
        lease_expires_at=Now() + LEASE,
        attempts=F("attempts") + 1,
        started_at=Coalesce(F("started_at"), Now()),
    ):
        return None
    run = SourceRun.objects.select_related("source", "by").get(pk=pk)
    if run.attempts > ATTEMPTS:
        end(run, owner, state=State.FAILED, error=_COSTLY)
        return None
    return run


_COSTLY = (
    f"It ended {ATTEMPTS} processes before its own end, as one that takes too much memory does; "
    "the worker's log may say more."
)


def renew(run: SourceRun, owner: str, **changes: object) -> None:
    """Keep the run, and write down how far it is. Raises `Lost`."""
    held = SourceRun.objects.filter(pk=run.pk, claimed_by=owner, state=State.RUNNING)
    if not held.update(lease_expires_at=Now() + LEASE, **changes):
        raise Lost


def end(run: SourceRun, owner: str, *, state: SourceRun.State, **changes: object) -> None:
    """The run's last state. Raises `Lost`."""
    renew(run, owner, **changes)
    SourceRun.objects.filter(pk=run.pk).update(
        state=state, claimed_by="", lease_expires_at=None, finished_at=Now()
    )


def give_back(run: SourceRun, owner: str) -> None:
    """Let the run wait for another process, or for the end of a pause."""
    held = SourceRun.objects.filter(pk=run.pk, claimed_by=owner, state=State.RUNNING)
    held.update(
        state=State.WAITING, claimed_by="", lease_expires_at=None, attempts=F("attempts") - 1
    )


@contextmanager
def kept(run: SourceRun, owner: str) -> Iterator[None]:
    """Renew the lease from beside, whatever takes long."""
    done = threading.Event()

    def repeat() -> None:
        try:
            while not done.wait(LEASE.total_seconds() / 4):
                with suppress(Lost, *GONE):  # the work itself meets it
                    renew(run, owner)
        finally:
            connection.close()  # of this thread

    thread = threading.Thread(target=repeat, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def check_for(should_stop: Callable[[], bool]) -> Callable[[], None]:
    """What a long work calls often: raises `Interrupted` where it is not to go on."""

    def check() -> None:
        if should_stop():
            raise Interrupted

    return check


def check_pause() -> None:
    """Raises `Interrupted` while all work is paused."""
    if pause.present():
        raise Interrupted


# ── Times ─────────────────────────────────────────────────────────────────────────────────────
def _due() -> QuerySet[CatalogueSource]:
    return CatalogueSource.objects.filter(next_at__lte=Now(), every_hours__isnull=False)


def _begin_those_due() -> None:
    """A run for each source whose time has come, and its next time; one under way is enough."""
    for source in list(_due().order_by("next_at")):
        with transaction.atomic():
            if _due().filter(pk=source.pk).update(next_at=Now() + _interval(source)):
                SourceRun.objects.bulk_create([SourceRun(source=source)], ignore_conflicts=True)


def _interval(source: CatalogueSource) -> timedelta:
    return timedelta(hours=source.every_hours or 1)


def schedule(source: CatalogueSource) -> None:
    """Its next time, from its interval: at once where it has never run by it."""
    repeats = bool(source.every_hours and source.address)
    last = source.runs.values_list("created_at", flat=True).first() if repeats else None
    next_at = last + _interval(source) if last else Now()
    CatalogueSource.objects.filter(pk=source.pk).update(next_at=next_at if repeats else None)


def try_again(source: CatalogueSource, *, wait: float) -> None:
    """Run before the next time, later after each failure: in 15 minutes, an hour, four hours."""
    failures = 0
    for state in source.runs.values_list("state", flat=True)[:10]:
        if state != State.FAILED:
            break
        failures += 1
    pause_for = timedelta(seconds=max(wait, 900.0 * 4.0 ** max(failures - 1, 0)))
    sooner = CatalogueSource.objects.filter(pk=source.pk, next_at__gt=Now() + pause_for)
    sooner.update(next_at=Now() + pause_for)


# ── Runs in nobody's hands ────────────────────────────────────────────────────────────────────
def _free() -> QuerySet[SourceRun]:
    expired = Q(state=State.RUNNING, lease_expires_at__lte=Now())
    return SourceRun.objects.filter(Q(state=State.WAITING) | expired)


def _take_from_the_dead() -> None:
    """What a process of this machine held that is gone need not wait for its lease."""
    for run in SourceRun.objects.filter(state=State.RUNNING, lease_expires_at__gt=Now()):
        if heartbeat.is_dead(run.claimed_by):
            held = SourceRun.objects.filter(pk=run.pk, claimed_by=run.claimed_by)
            held.update(lease_expires_at=Now())
