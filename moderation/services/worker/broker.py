"""Where a cluster's work comes from: messages of the queue, and rows that it finds by looking.

A message is taken by one cluster, whichever asks first, and one that is busy takes it along. So
neither pending analyses nor heartbeats hang on messages: each cluster looks for pending rows
itself and tells its own worker to give a heartbeat. Another host adds up, and losing every message
would cost a question of an administrator, never an analysis.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.conf import settings
from django.utils import timezone
from django_q.brokers import orm, redis_broker
from django_q.conf import Conf
from django_q.signing import SignedPackage

from moderation.models import Analysis, SecondVerdict

from . import pause
from .patience import ASK_EVERY, Patience

SWEEP, ANALYSE = "moderation.tasks.sweep", "moderation.tasks.analyse_pending"
# Seconds between looks at rows that stay pending although this cluster was told of them.
SOONEST, LATEST = 0.5, 5.0

Messages = list[tuple[Any, str]]


@dataclass
class Looking:
    """What one cluster finds by looking: that a sweep is due, or that rows wait."""

    sweep_at: float = 0.0  # at once: what dead workers of former clusters held comes back
    first: int | None = None  # the pending row that the worker was told of last
    wait: float = SOONEST
    again_at: float = 0.0

    def sweep(self) -> str | None:
        """The sweep, where it is due: it gives a heartbeat too."""
        if time.monotonic() < self.sweep_at:
            return None
        self.sweep_at = time.monotonic() + settings.WORKER_STALE_SECONDS / 4
        return SWEEP

    def analyse(self, first: int | None) -> str | None:
        """The task for pending rows, rarer and rarer while the same row stays the first of them."""
        if first is None or first != self.first:
            self.wait = SOONEST
        elif time.monotonic() < self.again_at:
            return None
        else:
            self.wait = min(LATEST, 2 * self.wait)
        self.first, self.again_at = first, time.monotonic() + self.wait
        return None if first is None else ANALYSE


class LooksItself:
    """Mixed into a broker of django-q: what is found by looking comes as messages of its own."""

    @cached_property
    def looking(self) -> Looking:
        return Looking()

    @cached_property
    def database(self) -> Patience:
        return Patience()

    def dequeue(self) -> Messages | None:
        """The sweep that is due, else the queue's next message, else a task for pending rows."""
        messages = self.database.ask(self._next)
        if self.database.is_silent:
            time.sleep(ASK_EVERY)
        return messages

    def _next(self) -> Messages | None:
        # Asked first: nothing is handed out while nobody answers, no analyses during a pause.
        first = None if pause.present() else _first_pending()
        if (task := self.looking.sweep()) is not None:
            return [(None, _message(task))]
        if messages := super().dequeue():  # type: ignore[misc]
            return messages
        task = self.looking.analyse(first)
        return None if task is None else [(None, _message(task))]


def _first_pending() -> int | None:
    """The row to be answered next; a question to the second judge by its negative key."""
    pending = Analysis.objects.pending().order_by("attempts", "id")
    first = pending.values_list("pk", flat=True).first()
    if first is not None or not settings.CLIP_SECOND_JUDGE:
        return first
    free = SecondVerdict.objects.free().filter(model_version__name=settings.CLIP_SECOND_JUDGE)
    second = free.order_by("attempts", "pk").values_list("pk", flat=True).first()
    return None if second is None else -second


class OrmBroker(LooksItself, orm.ORM):
    """The queue is a table of the database."""


class RedisBroker(LooksItself, redis_broker.Redis):
    """The queue is a list in Redis."""


def _message(function: str) -> str:
    """A task as django-q packs it; its result is kept nowhere, the rows tell it."""
    task = {
        "id": uuid.uuid4().hex,
        "name": function.rpartition(".")[2],
        "func": function,
        "args": (),
        "kwargs": {},
        "started": timezone.now(),
        "save": False,
        "timeout": Conf.TIMEOUT,
    }
    return str(SignedPackage.dumps(task))
