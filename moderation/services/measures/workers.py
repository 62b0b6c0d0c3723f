"""The workers by host: which ones give heartbeats, on what they run and what they do now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from moderation.models import Heartbeat

from ..worker import heartbeat

# One that fell silent stays in sight for so long; the last one of a host, for a day. One that
# somebody stopped does not.
IN_SIGHT = timedelta(hours=1)


@dataclass(frozen=True)
class Worker:
    """One worker: the newest process of its cluster."""

    name: str  # stays the same when the cluster starts its process anew
    host: str
    pid: str
    age: timedelta  # of its heartbeat, by the database's clock
    doing: str
    about: dict[str, Any]

    @property
    def is_alive(self) -> bool:
        return self.age.total_seconds() <= settings.WORKER_STALE_SECONDS

    @property
    def answered(self) -> str:
        """Analyses of the last hour."""
        return f"{self.about.get('last_hour', 0):,}"


def workers() -> list[Worker]:
    """All in sight, by host and name; one per cluster, however often its process was replaced."""
    age = ExpressionWrapper(Now() - F("heartbeat_at"), output_field=DurationField())
    newest: dict[str, Worker] = {}
    rows = Heartbeat.objects.exclude(doing=heartbeat.STOPPED)
    for row in rows.annotate(age=age).order_by("heartbeat_at"):
        one = _worker(row, row.age)
        newest[one.name] = one
    living = {one.host for one in newest.values() if one.is_alive}
    silent = _last_of_each_host(newest.values())
    return sorted(
        (
            one
            for one in newest.values()
            if one.is_alive or one.age < IN_SIGHT or (one.host not in living and one in silent)
        ),
        key=lambda one: (one.host, one.name),
    )


def _last_of_each_host(found: Any) -> list[Worker]:
    return list({one.host: one for one in sorted(found, key=lambda one: -one.age)}.values())


def _worker(row: Heartbeat, age: timedelta) -> Worker:
    machine, pid, _, cluster, *_ = f"{row.worker}////".split("/")
    about = row.about or {}
    return Worker(
        name=f"{machine}/{cluster}",
        host=about.get("host") or machine,
        pid=pid,
        age=age,
        doing=row.doing,
        about=about,
    )
