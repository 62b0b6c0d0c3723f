"""What django-q calls. Each is thin: a service does the work, the rows tell what it is."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

from django.contrib.auth.models import User
from django_q.exceptions import TimeoutException

from moderation.clip.errors import ModelError
from moderation.models import ModelVersion
from moderation.services.encoding import engine
from moderation.services.integration import webhooks
from moderation.services.learning import readiness
from moderation.services.measures import prepare
from moderation.services.queue import explain, similar
from moderation.services.registry import activation, version_log, versions
from moderation.services.release import evaluation, promotion, rollback, shadow
from moderation.services.retention import nights
from moderation.services.rules.photos_away import PhotosAway
from moderation.services.scoring import analyze, claims, second_answers, stale
from moderation.services.worker import heartbeat, pause
from moderation.services.worker.patience import GONE, Patience, in_a_line

logger = logging.getLogger(__name__)

# Short, so that a worker asked to stop is done soon; a long queue takes many tasks in a row.
SECONDS_PER_TASK = 10.0
SECONDS_FOR_SECOND_JUDGE = 5.0
EXPLAINED_PER_SWEEP, SECONDS_TO_EXPLAIN = 1000, 3.0
GROUPED_PER_SWEEP, SECONDS_TO_GROUP = 1000, 3.0
# Between two looks whether photos can be read again.
SECONDS_WITHOUT_PHOTOS = 3.0
# The shop may be slow; other work waits meanwhile.
SECONDS_TO_SEND = 20.0
# At each sweep; so a night's work takes no worker from analyses.
SECONDS_TO_REMOVE = 3.0


Task = TypeVar("Task", bound=Callable[[], int])


def outlives_the_database(task: Task) -> Task:
    """A task that comes again by itself: where the database goes away, it ends with a line."""

    @wraps(task)
    def patient() -> int:
        try:
            return task()
        except GONE as error:
            logger.warning("The database does not answer: %s", in_a_line(error))
            return 0

    return cast("Task", patient)


def warm_up() -> None:
    """At the start of a worker: take back what its dead forerunners held, and load the model."""
    Patience().insist(_warm_up)


def _warm_up() -> None:
    owner = heartbeat.me()
    heartbeat.beat(owner)
    claims.sweep(owner=owner)
    try:
        with heartbeat.beating(owner, doing="loading the model"):
            activation.log_configured()
            engine.engine_for(versions.current())
    except ModelError as error:
        logger.error("%s", error)
        heartbeat.beat(owner, doing=f"{heartbeat.CANNOT_LOAD}: {error}")
    else:
        heartbeat.beat(owner)
        logger.info("The worker is ready: %s", owner)


@outlives_the_database
def analyse_pending() -> int:
    """Answer pending analyses until none is left or the time of this task is over."""
    owner = heartbeat.me()
    _rest(owner)
    if pause.present():  # asked for by another task, or just before
        return 0
    try:
        count = analyze.run_pending(owner=owner, seconds=SECONDS_PER_TASK)
    except PhotosAway as error:
        # The rows are back in line, and the next task tries them again.
        logger.error("%s", error)
        heartbeat.beat(owner, doing=str(error))
        time.sleep(SECONDS_WITHOUT_PHOTOS)
        return 0
    except ModelError as error:
        # Said in the beat and the log; the rows wait, and a failed task would tell nothing more.
        logger.error("%s", error)
        heartbeat.beat(owner, doing=f"{heartbeat.CANNOT_LOAD}: {error}")
        return 0
    if count:
        logger.info("Answered %d analyses", count)
    second = second_answers.answer_waiting(owner=owner, seconds=SECONDS_FOR_SECOND_JUDGE)
    if second:
        logger.info("The second judge answered of %d products", second)
    return count


def _rest(owner: str) -> None:
    """A heartbeat between two tasks: idle, or waiting until photos can be read again."""
    heartbeat.beat(owner, doing=claims.waits_for_photos())


@outlives_the_database
def sweep() -> int:
    """Return what dead workers held, and show that this one lives."""
    _rest(heartbeat.me())
    heartbeat.forget_old()
    # First: nothing that goes wrong below may keep rows from coming back.
    swept = claims.sweep(owner=heartbeat.me())
    if rollback.unfinished():
        finish_rollback()
    # What came into the queue without an analysis by a worker; the rest waits for the next minute.
    explain.explain_pending(limit=EXPLAINED_PER_SWEEP, seconds=SECONDS_TO_EXPLAIN)
    similar.assign_pending(limit=GROUPED_PER_SWEEP, seconds=SECONDS_TO_GROUP)
    if webhooks.has_due():
        with heartbeat.beating(heartbeat.me(), doing="notifying the shop of decisions"):
            webhooks.send_due(seconds=SECONDS_TO_SEND)
    with heartbeat.beating(heartbeat.me(), doing="counting for the pages"):
        prepare.prepare_figures()
        readiness.prepare_readiness()
    if nights.this_worker.is_due():
        with heartbeat.beating(heartbeat.me(), doing="removing what is kept no longer"):
            nights.this_worker.work(seconds=SECONDS_TO_REMOVE)
    _rest(heartbeat.me())
    return swept


def finish_rollback() -> None:
    """Put the products back to the version that is active again."""
    with heartbeat.beating(heartbeat.me(), doing="putting the scores back"):
        rollback.finish()


def evaluate(version_id: int) -> None:
    """Measure a version on gold and audit; a button of the admin asks for it."""
    version = ModelVersion.objects.get(pk=version_id)
    try:
        with heartbeat.beating(heartbeat.me(), doing=f"evaluating {version.name}"):
            evaluation.evaluate(version)
    except (evaluation.NothingToEvaluate, ModelError, PhotosAway) as error:
        version_log.note_failure(version, reason=f"It was not evaluated: {error}")


def promote(version_id: int, by_id: int, force_reason: str = "") -> None:
    """Ask the gate about a version; a button of the admin asks for it, the log has the answer."""
    version, by = ModelVersion.objects.get(pk=version_id), User.objects.get(pk=by_id)
    try:
        with heartbeat.beating(
            heartbeat.me(), doing=f"comparing {version.name} with the active version"
        ):
            promotion.promote(version, by=by, force_reason=force_reason)
        stale.ask(version)
    except promotion.GateRefused:
        pass  # is in the log, with its table
    except (promotion.PromotionError, ModelError, PhotosAway) as error:
        promotion.log_refusal(version, by=by, reason=str(error))
    except TimeoutException:
        promotion.log_refusal(
            version,
            by=by,
            reason="The comparison took too long and was stopped. What it has read of the photos "
            "is kept: promote again to go on from there.",
        )
        raise


def rescore(version_id: int) -> None:
    """Bring the scores of the catalogue up to date with a version, unless it was replaced since."""
    version = ModelVersion.objects.get(pk=version_id)
    if not versions.is_current(version):
        return
    try:
        with heartbeat.beating(heartbeat.me(), doing=f"scoring the catalogue by {version.name}"):
            stale.refresh(version)
    except (ModelError, PhotosAway) as error:
        version_log.note_failure(version, reason=f"The catalogue was not scored: {error}")
    except TimeoutException:
        stale.ask(version)  # what is done stays done, and the next task resumes there
        raise


def shadow_run(version_id: int) -> None:
    """Report what a version would flag; what waits for analysis is answered in between."""

    def answer_in_between(*_: int) -> None:
        analyse_pending()

    version = ModelVersion.objects.get(pk=version_id)
    try:
        with heartbeat.beating(heartbeat.me(), doing=f"looking what {version.name} would flag"):
            shadow.run(version, progress=answer_in_between)
    except (ModelError, PhotosAway) as error:
        version_log.note_failure(version, reason=f"There is no shadow report: {error}")
    except TimeoutException:
        shadow.ask(version)  # the vectors that it has found are kept
        raise
