"""What django-q calls. Each is thin: a service does the work, the rows tell what it is."""

from __future__ import annotations

from moderation.clip.errors import ModelError
from moderation.services import analyze, worker

# Below the cluster's timeout of 300 s, so that a long queue is worked off in several tasks.
SECONDS_PER_TASK = 120.0


def analyse_pending() -> int:
    """Answer pending analyses until none is left or the time of this task is over."""
    owner = worker.me()
    worker.beat(owner)
    try:
        return analyze.run_pending(owner=owner, seconds=SECONDS_PER_TASK)
    except ModelError as error:
        worker.beat(owner, doing=f"cannot load the model: {error}")
        raise


def sweep() -> int:
    """Return what dead workers held, and show that this one lives."""
    worker.beat(worker.me())
    worker.forget_old_beats()
    return analyze.sweep()
