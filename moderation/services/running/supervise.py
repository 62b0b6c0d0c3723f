"""Keeps a django-q cluster at work: starts it, watches its heartbeat, restarts it when stuck.

Beside it, a training that is queued, photos that are to be fetched and sources that are due have
processes of their own (`OnDemand`).

django-q restarts a worker that died, but a worker killed while it waits for the queue takes the
queue's lock along: the cluster then looks alive and does nothing, for ever. Only the heartbeat,
which is written by the tasks themselves, tells the two apart; so that is what is watched.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings

from moderation.models import Heartbeat

from ..catalogue.fetching import hosts
from ..catalogue.sources import due
from ..learning import training, training_sweep
from ..worker import heartbeat
from ..worker.patience import Patience

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds
STOP_WITHIN = 30.0  # seconds a cluster gets to finish its batch before it is killed


def _command(name: str) -> list[str]:
    """A command of this very code and settings, which were checked when the worker started.

    Another check takes a third of its start, and loads pages and API, which it never needs.
    """
    return [sys.executable, str(settings.BASE_DIR / "manage.py"), name, "--skip-checks"]


@dataclass
class Cluster:
    """One django-q cluster as a child process in a process group of its own."""

    process: subprocess.Popen[bytes] | None = None
    heard_of_at: float = 0.0  # its start or newest heartbeat, later by what was no silence
    starts: int = 0
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def start(self) -> None:
        self.process = subprocess.Popen(
            _command("qcluster"),
            env={**os.environ, heartbeat.CLUSTER_VARIABLE: self.name},
            start_new_session=True,  # so that the whole group can be killed, and Ctrl-C spares it
        )
        self.heard_of_at = time.monotonic()
        self.starts += 1

    def could_not_be_heard(self, seconds: float) -> None:
        """These last seconds say nothing of it."""
        self.heard_of_at = min(time.monotonic(), self.heard_of_at + seconds)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self, *, within: float = STOP_WITHIN) -> None:
        """Let the cluster finish its batch, then make sure that no process of it is left."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=within)
        except subprocess.TimeoutExpired:
            logger.warning("The cluster did not stop within %g s and is killed", within)
        self.kill()

    def kill(self) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError):  # all of it had ended
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class OnDemand:
    """A command as a process of its own, there only while it has something to do.

    It needs no queue: the rows tell what is to be done, and the process that claims one has it.
    While there is nothing it costs no memory, and it never takes a worker from analyses.
    """

    command: str
    is_wanted: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = None
    fruitless: int = 0  # starts in a row that left something to do
    not_before: float = 0.0

    def look(self) -> None:
        """Start the process where it is wanted and none runs here."""
        if self.process is not None and self.process.poll() is None:
            return
        if not self.is_wanted():
            self.process, self.fruitless = None, 0
        elif time.monotonic() >= self.not_before:
            self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(_command(self.command), start_new_session=True)
        # One that cannot even claim its row must not be started in a tight loop.
        self.fruitless += 1
        self.not_before = time.monotonic() + min(60.0, 2.0**self.fruitless)

    def ask_to_stop(self) -> None:
        """What it is at goes back, to be resumed where it was."""
        if self.process is not None:
            self.process.terminate()

    def stop(self, *, within: float = STOP_WITHIN) -> None:
        if self.process is None:
            return
        self.ask_to_stop()
        try:
            self.process.wait(timeout=within)
        except subprocess.TimeoutExpired:  # what it held is taken back from the dead
            self.process.kill()
            self.process.wait()


def trainer() -> OnDemand:
    """Trains while a training is queued or runs."""

    def is_wanted() -> bool:
        training_sweep.sweep()
        return training.queued() is not None

    return OnDemand("run_training", is_wanted)


def fetcher() -> OnDemand:
    """Fetches photos while any waits at a host that may be asked."""
    return OnDemand("run_fetches", hosts.is_any_free)


def reader() -> OnDemand:
    """Reads sources whose time has come."""
    return OnDemand("run_sources", due.is_any)


def supervise(*, should_stop: Callable[[], bool]) -> None:
    """Run a cluster until `should_stop()`; restart it when it dies or its heartbeat goes stale.

    While the database does not answer nothing can be known of the cluster; nor while all of the
    host stands still, as a virtual machine may, and the supervisor with it. That is no silence.
    """
    cluster, beside = Cluster(), [trainer(), fetcher(), reader()]
    cluster.start()
    database = Patience()
    looked_at = time.monotonic()
    try:
        while not should_stop():
            time.sleep(LOOK_EVERY)
            passed = time.monotonic() - looked_at
            if database.is_silent or passed > settings.WORKER_STALE_SECONDS / 4:
                cluster.could_not_be_heard(passed)
            looked_at = time.monotonic()
            database.ask(partial(look_after, cluster))
            for one in beside:
                database.ask(one.look)
    finally:
        for one in beside:
            one.ask_to_stop()
        cluster.stop()
        database.ask(partial(heartbeat.say_stopped, cluster.name))
        for one in beside:
            one.stop(within=5.0)


def look_after(cluster: Cluster) -> None:
    """One look: restart a dead or silent cluster."""
    silence = seconds_of_silence(cluster)
    if not cluster.is_running():
        logger.error("The cluster ended by itself and is started again")
    elif silence > settings.WORKER_STALE_SECONDS:
        logger.error("The cluster has been silent for %.0f s and is restarted", silence)
    else:
        return
    cluster.kill()
    # A cluster that cannot start (no database, say) must not be started in a tight loop.
    time.sleep(min(30.0, 0.5 * cluster.starts))
    cluster.start()


def seconds_of_silence(cluster: Cluster) -> float:
    """Seconds since this cluster was heard of, without those that the database lets us wait now."""
    asked_at = time.monotonic()
    own = Heartbeat.objects.filter(worker__endswith=f"/{cluster.name}")
    if newest := heartbeat.age_of_newest(own):
        cluster.heard_of_at = max(cluster.heard_of_at, time.monotonic() - newest[0])
    return asked_at - cluster.heard_of_at
