"""What each run removed: a row among django-q's results of tasks, a night's own by its date.

So of several hosts one makes the row of tonight, and the others find it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django_q.models import Task

GROUP = "retention"


@dataclass(frozen=True)
class LastRun:
    """A run as its row tells it. `problems` are sentences."""

    started: datetime
    stopped: datetime
    is_finished: bool
    counts: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def newest() -> Task | None:
    """The row of the last run, under way or not."""
    found: Task | None = Task.objects.filter(group=GROUP).order_by("-started").first()
    return found


def last_run() -> LastRun | None:
    """The last run, under way or not."""
    row = newest()
    if row is None:
        return None
    told: dict[str, Any] = row.result if isinstance(row.result, dict) else {}
    return LastRun(
        started=row.started,
        stopped=row.stopped,
        is_finished=bool(told.get("finished")),
        counts=dict(told.get("counts", {})),
        problems=list(told.get("problems", [])),
    )
