"""The worker's heartbeat: who it is, that it is alive, and with what it is busy."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from moderation.models import Heartbeat

LONGEST_STEP = 900.0  # seconds
CANNOT_LOAD = "cannot load the model"
CLUSTER_VARIABLE = "CLIPMOD_CLUSTER"  # set by the supervisor for the cluster it watches


def me() -> str:
    """This process as `host/pid/start/cluster`.

    The start time tells a reused pid from the old process, the cluster whose worker it is.
    """
    cluster = os.environ.get(CLUSTER_VARIABLE, "")
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}/{cluster}"


def is_dead(owner: str) -> bool:
    """True only where the owner surely is gone: a process of this host that no longer runs."""
    host, pid, started, *_ = f"{owner}///".split("/")
    if host != socket.gethostname() or not pid.isdigit() or not Path("/proc/self").exists():
        return False
    return _started(int(pid)) != started


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot, from /proc; empty where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]


def beat(owner: str, *, doing: str = "") -> None:
    """Write a heartbeat: this worker is alive, and with what it is busy."""
    Heartbeat.objects.update_or_create(
        worker=owner, defaults={"heartbeat_at": timezone.now(), "doing": doing[:300]}
    )


@contextmanager
def beating(owner: str, *, doing: str) -> Iterator[None]:
    """Repeat the heartbeat while the block runs, for one long step such as loading a model.

    For `LONGEST_STEP` at most: what takes longer is stuck, and must be taken for silent.
    """
    done = threading.Event()

    def repeat() -> None:
        until = time.monotonic() + LONGEST_STEP
        try:
            while time.monotonic() < until and not done.wait(settings.WORKER_STALE_SECONDS / 4):
                beat(owner, doing=doing)
        finally:
            connection.close()  # of this thread

    beat(owner, doing=doing)
    thread = threading.Thread(target=repeat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def forget_old() -> None:
    """Drop the heartbeats of workers that have been silent for a day."""
    Heartbeat.objects.filter(heartbeat_at__lt=timezone.now() - timedelta(days=1)).delete()


@dataclass(frozen=True)
class Health:
    """Whether work gets done in the background."""

    alive: bool
    seconds_since_heartbeat: float | None
    doing: str


def health() -> Health:
    """The newest heartbeat; alive while it is younger than `WORKER_STALE_SECONDS`."""
    newest = Heartbeat.objects.order_by("-heartbeat_at").first()
    if newest is None:
        return Health(alive=False, seconds_since_heartbeat=None, doing="")
    age = (timezone.now() - newest.heartbeat_at).total_seconds()
    return Health(
        alive=age <= settings.WORKER_STALE_SECONDS, seconds_since_heartbeat=age, doing=newest.doing
    )
