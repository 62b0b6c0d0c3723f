"""What a training says of itself, kept in its row: progress, curve and log, once a second."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import F
from django.utils import timezone

from moderation.clip.training.progress import Cancelled, Report, Update, in_silence
from moderation.models import TrainingRun

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_WRITES = 1.0
LONGEST_CURVE = 1000  # points; beyond it every second one is dropped
LONGEST_LOG = 100_000  # characters; its end is kept

Status = TrainingRun.Status


class Interrupted(Exception):
    """The process that trains should end; the training resumes in another one."""


class Lost(Exception):
    """The row is no longer this process': it was silent for so long that it was taken for dead."""


class Keeper:
    """A `Report` that writes to the row, at most once a second, and only while the claim holds.

    Raises `Cancelled` where somebody requested that, `Interrupted` where `should_stop()`, and
    `Lost` where the row went to another process.
    """

    def __init__(
        self,
        run: TrainingRun,
        *,
        owner: str,
        also: Report = in_silence,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.run = run
        self._mine = TrainingRun.objects.filter(
            pk=run.pk, status=Status.RUNNING, claimed_by=owner, attempts=run.attempts
        )
        self._also = also
        self._should_stop = should_stop
        self._written_at = 0.0
        self._step = 1
        self._points = 0

    def __call__(self, update: Update) -> None:
        self.run.doing = update.doing[:200]
        self.run.progress = min(1.0, max(0.0, update.progress))
        if update.point is not None:
            self._add(update.point)
        if update.line:
            self.run.log = f"{self.run.log}{update.line}\n"[-LONGEST_LOG:]
        self._also(update)
        if time.monotonic() - self._written_at >= SECONDS_BETWEEN_WRITES:
            self._written_at = time.monotonic()
            try:
                self._write()
                cancelled = self._mine.filter(cancel_asked=True).exists()
            except DatabaseError:
                # A database that is busy or restarts must not cost hours of training.
                logger.exception("The progress of training %s was not written", self.run.pk)
                connection.close_if_unusable_or_obsolete()
                return
            if cancelled:
                raise Cancelled("The training was cancelled.")
            if self._should_stop():
                raise Interrupted

    def _add(self, point: dict[str, float]) -> None:
        """Points with a validation figure always count, of the others every `_step`-th."""
        self._points += 1
        if "validation" not in point and self._points % self._step:
            return
        self.run.curve.append(point)
        if len(self.run.curve) > LONGEST_CURVE:
            self.run.curve = [
                kept
                for number, kept in enumerate(self.run.curve)
                if "validation" in kept or number % 2
            ]
            self._step *= 2

    def save(self, **changes: Any) -> None:
        """Write these fields at once. Raises `Lost`."""
        for name, value in changes.items():
            setattr(self.run, name, value)
        self._write(**changes)

    def _write(self, **changes: Any) -> None:
        run = self.run
        said = {
            "doing": run.doing,
            "progress": run.progress,
            "curve": run.curve,
            "log": run.log,
            "heartbeat_at": timezone.now(),
        }
        if not self._mine.update(**(said | changes)):
            raise Lost(f"Training {run.pk} was taken over by another process.")

    def end(self, status: str, *, error: str = "") -> bool:
        """The last word; False where the row was no longer this process'."""
        try:
            self.save(
                status=status,
                live=None,
                doing="",
                error=error,
                finished_at=timezone.now(),
                **({"progress": 1.0} if status == Status.DONE else {}),
            )
        except Lost:
            return False
        return True

    def give_back(self) -> None:
        """Into the queue again; this attempt was cut off on purpose and does not count."""
        self._mine.update(
            status=Status.QUEUED,
            claimed_by="",
            attempts=F("attempts") - 1,
            doing="Waiting for the worker",
        )
