"""Each night one run, on one of the hosts, in the worker, a little at each of its sweeps.

The row of tonight (`log`) is made once, by whoever is first; it holds a mark of the worker that is
at it. One whose worker died, or has been silent for long, is taken over, and begun anew.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_q.models import Task

from moderation import acts

from ..worker import pause
from ..worker.patience import GONE
from .log import GROUP
from .periods import is_anything_removed
from .run import Run

# Longer than any task that keeps a worker from its sweep.
SILENT_FOR = timedelta(minutes=30)
_FUNCTION = f"{__name__}.work"


@dataclass
class Nightly:
    """What this process does of it."""

    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    _done: date | None = None  # the night that needs no more looking at
    _night: date | None = None  # the one whose run is ours
    _run: Run = field(default_factory=Run)
    _steps: Iterator[None] | None = None

    def is_due(self) -> bool:
        """Whether there is something to do now, as far as is known without asking."""
        return self._steps is not None or _tonight() not in (None, self._done)

    def work(self, *, seconds: float) -> None:
        """Go on for so long with tonight's run, where it is this worker's."""
        if pause.present() or (self._steps is None and not self._begin()):
            return
        try:
            is_finished = self._go_on(time.monotonic() + seconds)
            is_ours = self._write_down(finished=is_finished)
        except GONE:
            self._steps = None  # begun anew, once the database is back
            raise
        if is_finished:
            acts.note("removed what is kept no longer", by=None, **self._run.counts)
        if is_finished or not is_ours:
            self._done, self._steps = self._night, None

    def _begin(self) -> bool:
        night = _tonight()
        if night is None or night == self._done:
            return False
        row, is_new = Task.objects.get_or_create(
            id=f"{GROUP}-{night:%Y%m%d}", defaults=_row(self.mark, f"{GROUP} {night}")
        )
        if not is_new and not self._take_over(row):
            if _is_finished(row):
                self._done = night
            return False
        self._night, self._run = night, Run()
        self._steps = self._run.steps()
        return True

    def _take_over(self, row: Task) -> bool:
        is_silent = row.stopped < timezone.now() - SILENT_FOR
        if _is_finished(row) or not (is_silent or row.cluster == self.mark):
            return False
        as_it_is = Task.objects.filter(pk=row.pk, cluster=row.cluster, stopped=row.stopped)
        return bool(as_it_is.update(cluster=self.mark, stopped=timezone.now()))

    def _go_on(self, until: float) -> bool:
        """True where no step is left."""
        for _ in self._steps or ():  # noqa: SIM110 - what is left out of it waits for the next call
            if time.monotonic() >= until or pause.present():
                return False
        return True

    def _write_down(self, *, finished: bool) -> bool:
        """False where another worker has taken it over."""
        ours = Task.objects.filter(id=f"{GROUP}-{self._night:%Y%m%d}", cluster=self.mark)
        told = self._run.as_json(finished=finished)
        return bool(ours.update(stopped=timezone.now(), result=told))


this_worker = Nightly()


def by_hand(run: Run) -> None:
    """Write a run down that somebody made at another time."""
    row = _row("by hand", f"{GROUP} by hand") | {"result": run.as_json(finished=True)}
    Task.objects.create(id=f"{GROUP}-{uuid.uuid4().hex[:20]}", **row)
    acts.note("removed what is kept no longer", by=None, **run.counts)


def _tonight() -> date | None:
    """The day whose run is due: from its hour on, also where no worker ran at that hour."""
    now = timezone.localtime()
    return now.date() if is_anything_removed() and now.hour >= settings.RETENTION_HOUR else None


def _row(mark: str, name: str) -> dict[str, Any]:
    now = timezone.now()
    return {
        "name": name,
        "func": _FUNCTION,
        "group": GROUP,
        "cluster": mark,
        "started": now,
        "stopped": now,
        "success": True,
        "result": Run().as_json(finished=False),
    }


def _is_finished(row: Task) -> bool:
    return isinstance(row.result, dict) and bool(row.result.get("finished"))
