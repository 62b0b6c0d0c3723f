"""The worker's heartbeat: who it is, that it is alive, and with what it is busy.

All times are the database's: the clocks of hosts differ, and one that runs ahead would otherwise
keep the dead alive.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet
from django.db.models.functions import Now

from moderation import __version__
from moderation.models import Heartbeat

from .about import this_worker
from .patience import GONE

LONGEST_STEP = 900.0  # seconds
CANNOT_LOAD = "cannot load the model"
STOPPED = "stopped in order"
CLUSTER_VARIABLE = "CLIPMOD_CLUSTER"  # set by the supervisor for the cluster it watches


def me() -> str:
    """This process as `machine/pid/start/cluster`.

    The start time tells a reused pid from the old process; the cluster, whose name is drawn at each
    start of it, says whose worker it is.
    """
    cluster = os.environ.get(CLUSTER_VARIABLE, "")
    return f"{_machine()}/{os.getpid()}/{_started(os.getpid())}/{cluster}"


def is_dead(owner: str) -> bool:
    """True only where the owner surely is gone: a process of this machine that no longer runs."""
    machine, pid, started, *_ = f"{owner}///".split("/")
    if machine != _machine() or not pid.isdigit() or not Path("/proc/self").exists():
        return False
    return _started(int(pid)) != started


@cache
def _machine() -> str:
    """Whose pids these are: a host's name, which another may have too, and a mark of its own.

    The mark comes from what the kernel drew at its start, and from the container's pid namespace.
    """
    marks = []
    for mark in (Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")):
        try:
            marks.append(str(mark.readlink()) if mark.is_symlink() else mark.read_text())
        except OSError:
            marks.append("")
    return f"{socket.gethostname()}-{hashlib.sha256(repr(marks).encode()).hexdigest()[:8]}"


def _started(pid: int) -> str:
    """Start time of a process in clock ticks since boot, from /proc; empty where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state == "Z" else fields[18]


def beat(owner: str, *, doing: str = "") -> None:
    """Write a heartbeat: this worker is alive, with what it is busy, and what it says of itself."""
    told = {"heartbeat_at": Now(), "doing": doing[:300], "about": this_worker.as_json()}
    Heartbeat.objects.update_or_create(worker=owner, defaults=told)


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
                with suppress(*GONE):  # the step itself meets it, and tells
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


def say_stopped(cluster: str) -> None:
    """The last word on a cluster's workers, where somebody stopped them: nothing is amiss."""
    Heartbeat.objects.filter(worker__endswith=f"/{cluster}").update(doing=STOPPED)


def forget_old() -> None:
    """Drop the heartbeats of workers that have been silent for a day."""
    Heartbeat.objects.filter(heartbeat_at__lt=Now() - timedelta(days=1)).delete()


def living() -> QuerySet[Heartbeat]:
    """The heartbeats of workers that are alive: younger than `WORKER_STALE_SECONDS`."""
    youngest = Now() - timedelta(seconds=settings.WORKER_STALE_SECONDS)
    return Heartbeat.objects.filter(heartbeat_at__gt=youngest)


def of_other_releases() -> bool:
    """Whether workers of another release are alive: hosts are upgraded one after the other."""
    told = (about or {} for about in living().values_list("about", flat=True))
    return any(about.get("version", __version__) != __version__ for about in told)


def age_of_newest(heartbeats: QuerySet[Heartbeat]) -> tuple[float, str] | None:
    """Seconds since the newest of these heartbeats, and what it was busy with."""
    age = ExpressionWrapper(Now() - F("heartbeat_at"), output_field=DurationField())
    newest = heartbeats.order_by("-heartbeat_at").annotate(age=age).first()
    return None if newest is None else (newest.age.total_seconds(), newest.doing)


@dataclass(frozen=True)
class Health:
    """Whether work gets done in the background."""

    alive: bool
    seconds_since_heartbeat: float | None
    doing: str


def health() -> Health:
    """The newest heartbeat; alive while it is younger than `WORKER_STALE_SECONDS`."""
    newest = age_of_newest(Heartbeat.objects.all())
    if newest is None:
        return Health(alive=False, seconds_since_heartbeat=None, doing="")
    age, doing = newest
    return Health(
        alive=age <= settings.WORKER_STALE_SECONDS, seconds_since_heartbeat=age, doing=doing
    )
