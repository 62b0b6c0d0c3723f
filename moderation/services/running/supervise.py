"""Keeps a django-q cluster at work: starts it, watches its heartbeat, restarts it when stuck.

Beside it, a training that is queued runs in a process of its own (`Trainer`).

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

from django.conf import settings
from django.db import close_old_connections
from django.utils import timezone
from django_q.tasks import async_task

from moderation.models import Heartbeat

from ..learning import training
from ..worker import heartbeat

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0  # seconds
STOP_WITHIN = 30.0  # seconds a cluster gets to finish its batch before it is killed


@dataclass
class Cluster:
    """One django-q cluster as a child process in a process group of its own."""

    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    asked_at: float = 0.0
    starts: int = 0
    name: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "qcluster"],
            env={**os.environ, heartbeat.CLUSTER_VARIABLE: self.name},
            start_new_session=True,  # so that the whole group can be killed, and Ctrl-C spares it
        )
        self.started_at = self.asked_at = time.monotonic()
        self.starts += 1

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
class Trainer:
    """The process that trains, there only while a training is queued or runs.

    It needs no queue: the row of the training is looked at, and the process that claims it has it.
    While nothing is to be trained it costs no memory, and a training never takes a worker from
    analyses.
    """

    process: subprocess.Popen[bytes] | None = None
    fruitless: int = 0  # starts in a row that left a training waiting
    not_before: float = 0.0

    def look(self) -> None:
        """Start a process where a training waits and none runs here."""
        if self.process is not None and self.process.poll() is None:
            return
        training.sweep()
        if training.queued() is None:
            self.process, self.fruitless = None, 0
        elif time.monotonic() >= self.not_before:
            self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_training"],
            start_new_session=True,
        )
        # One that cannot even claim its row must not be started in a tight loop.
        self.fruitless += 1
        self.not_before = time.monotonic() + min(60.0, 2.0**self.fruitless)

    def ask_to_stop(self) -> None:
        """The training goes back into the queue, to be resumed where it was."""
        if self.process is not None:
            self.process.terminate()

    def stop(self, *, within: float = STOP_WITHIN) -> None:
        if self.process is None:
            return
        self.ask_to_stop()
        try:
            self.process.wait(timeout=within)
        except subprocess.TimeoutExpired:  # its row is taken back from the dead
            self.process.kill()
            self.process.wait()


def supervise(*, should_stop: Callable[[], bool]) -> None:
    """Run a cluster until `should_stop()`; restart it when it dies or its heartbeat goes stale."""
    cluster, trainer = Cluster(), Trainer()
    cluster.start()
    try:
        while not should_stop():
            time.sleep(LOOK_EVERY)
            close_old_connections()
            look_after(cluster)
            trainer.look()
    finally:
        trainer.ask_to_stop()
        cluster.stop()
        trainer.stop(within=5.0)


def look_after(cluster: Cluster) -> None:
    """One look: restart a dead or silent cluster, and ask a quiet one for a heartbeat."""
    silence = seconds_of_silence(cluster)
    if not cluster.is_running():
        logger.error("The cluster ended by itself and is started again")
    elif silence > settings.WORKER_STALE_SECONDS:
        logger.error("The cluster has been silent for %.0f s and is restarted", silence)
    else:
        if silence > settings.WORKER_STALE_SECONDS / 4:
            ask_for_a_heartbeat(cluster)
        return
    cluster.kill()
    # A cluster that cannot start (no database, say) must not be started in a tight loop.
    time.sleep(min(30.0, 0.5 * cluster.starts))
    cluster.start()


def seconds_of_silence(cluster: Cluster) -> float:
    """Seconds since the newest heartbeat of this cluster's workers, or since its start."""
    since_start = time.monotonic() - cluster.started_at
    newest = (
        Heartbeat.objects.filter(worker__endswith=f"/{cluster.name}")
        .order_by("-heartbeat_at")
        .values_list("heartbeat_at", flat=True)
        .first()
    )
    if newest is None:
        return since_start
    return min(since_start, (timezone.now() - newest).total_seconds())


def ask_for_a_heartbeat(cluster: Cluster) -> None:
    """Queue a sweep, which writes a heartbeat; rarely, so that messages do not pile up."""
    if time.monotonic() - cluster.asked_at < settings.WORKER_STALE_SECONDS / 4:
        return
    cluster.asked_at = time.monotonic()
    try:
        async_task("moderation.tasks.sweep")
    except Exception:  # brokers raise their own kinds; the next look asks again
        logger.exception("The queue cannot be reached")
