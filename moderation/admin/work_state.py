"""What the start page and the empty queue say about the work in the background."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from moderation.clip.errors import ModelError
from moderation.models import Analysis, ModelVersion, WorkPause
from moderation.services.registry import versions
from moderation.services.rules.thresholds import Thresholds
from moderation.services.worker import heartbeat, pause

# Counting stops here, so that no page counts a million rows.
COUNTED_AT_MOST = 10_000


@dataclass(frozen=True)
class WorkState:
    """The worker's heartbeat, the model that runs, and what waits for it."""

    health: heartbeat.Health
    model: ModelVersion | None
    threshold: float | None
    model_error: str
    waiting: int
    last_finished: datetime | None
    pause: WorkPause | None

    @property
    def waiting_words(self) -> str:
        """The number of waiting analyses, for people."""
        more = " or more" if self.waiting > COUNTED_AT_MOST else ""
        return f"{min(self.waiting, COUNTED_AT_MOST):,}{more}"


def work_state() -> WorkState:
    """The present state, in a handful of cheap queries."""
    model: ModelVersion | None
    try:
        model, problem = versions.current(), ""
    except ModelError as error:
        model, problem = None, str(error)
    return WorkState(
        health=heartbeat.health(),
        model=model,
        threshold=Thresholds(model).general if model else None,
        model_error=problem,
        waiting=Analysis.objects.live().order_by()[: COUNTED_AT_MOST + 1].count(),
        last_finished=Analysis.objects.filter(status=Analysis.Status.DONE)
        .order_by("-id")
        .values_list("finished_at", flat=True)
        .first(),
        pause=pause.present(),
    )
