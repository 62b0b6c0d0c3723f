"""What django-q calls. Each is thin: a service does the work, the rows tell what it is."""

from __future__ import annotations

import logging

from moderation.clip.errors import ModelError
from moderation.services import analyze, claims, engine, versions, worker

logger = logging.getLogger(__name__)

# Short, so that a worker asked to stop is done soon; a long queue takes many tasks in a row.
SECONDS_PER_TASK = 10.0


def warm_up() -> None:
    """At the start of a worker: take back what its dead forerunners held, and load the model."""
    owner = worker.me()
    worker.beat(owner)
    claims.sweep()
    try:
        with worker.beating(owner, doing="loading the model"):
            engine.engine_for(versions.current())
    except ModelError as error:
        logger.error("%s", error)
        worker.beat(owner, doing=f"{worker.CANNOT_LOAD}: {error}")
    else:
        worker.beat(owner)


def analyse_pending() -> int:
    """Answer pending analyses until none is left or the time of this task is over."""
    owner = worker.me()
    worker.beat(owner)
    try:
        return analyze.run_pending(owner=owner, seconds=SECONDS_PER_TASK)
    except ModelError as error:
        # Said in the beat and the log; the rows wait, and a failed task would tell nothing more.
        logger.error("%s", error)
        worker.beat(owner, doing=f"{worker.CANNOT_LOAD}: {error}")
        return 0


def sweep() -> int:
    """Return what dead workers held, and show that this one lives."""
    worker.beat(worker.me())
    worker.forget_old_beats()
    return claims.sweep()
