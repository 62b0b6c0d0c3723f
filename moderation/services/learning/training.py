"""Trainings as rows: requested, claimed, carried out and cancelled.

The row is the truth: the process that carries a training out claims it and writes to it only while
the claim is its own, and a process that died leaves a row that says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from moderation.clip.errors import ClipError
from moderation.clip.finetune.refusals import DataRefused
from moderation.clip.training.progress import Cancelled, Report, in_silence
from moderation.models import ModelVersion, TrainingRun

from ..datasets.dataset import DatasetError
from ..registry import versions
from ..release.promotion import PromotionError
from ..worker import heartbeat
from . import improve, training_work
from .training_log import Interrupted, Keeper, Lost
from .training_sweep import sweep

logger = logging.getLogger(__name__)

T = TypeVar("T")
Status = TrainingRun.Status


class TrainingRefused(ClipError):
    """A training that cannot be had now."""


# ── Requested ─────────────────────────────────────────────────────────────────────────────────
def request(
    *,
    mode: str,
    options: Mapping[str, Any],
    by: User | None,
    base: ModelVersion | None = None,
    dataset: str = "",
    output_dir: str = "",
    foreground: bool = False,
) -> TrainingRun:
    """A new row that waits to be carried out: by the worker, or (`foreground`) by this process.

    `options` are those of `FinetuneSettings`, and `improve` and `promote` for the whole loop.
    `dataset` is a snapshot's folder; empty: one is made at the start. Raises `TrainingRefused`.
    """
    if mode not in TrainingRun.Mode.values:
        known = ", ".join(TrainingRun.Mode.values)
        raise TrainingRefused(f"The mode {mode} is unknown; choose {known}.")
    folder = Path(output_dir).absolute() if output_dir else None
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TrainingRefused(f"{folder} exists and is not empty; choose a new folder.")
    sweep()
    given = {name: value for name, value in options.items() if value is not None}
    given |= {"foreground": True} if foreground else {}
    return _make_live(
        lambda: TrainingRun.objects.create(
            mode=mode,
            options=given,
            base=base or versions.current(),
            dataset=dataset,
            output_dir=str(folder) if folder else "",
            requested_by=by,
            claimed_by=heartbeat.me() if foreground else "",
            heartbeat_at=timezone.now() if foreground else None,
            doing="Waiting for this process" if foreground else "Waiting for the worker",
        )
    )


def resume(run: TrainingRun, *, foreground: bool = False) -> TrainingRun:
    """Let a training that failed or was killed resume where it was. Raises `TrainingRefused`."""
    sweep()
    run.refresh_from_db()
    if run.status not in (Status.FAILED, Status.QUEUED):
        raise TrainingRefused(
            f"Training {run.pk} is {run.get_status_display().lower()}; only one that failed or "
            "was cut off can be resumed."
        )
    run.options.pop("foreground", None)
    changed = {
        "status": Status.QUEUED,
        "live": True,
        "cancel_asked": False,
        "error": "",
        "finished_at": None,
        "claimed_by": heartbeat.me() if foreground else "",
        "heartbeat_at": timezone.now() if foreground else None,
        "attempts": 0,
        "options": run.options | ({"foreground": True} if foreground else {}),
    }
    if not _make_live(
        lambda: TrainingRun.objects.filter(pk=run.pk, status=run.status).update(**changed)
    ):
        raise TrainingRefused(f"Somebody else has just taken up training {run.pk}.")
    run.refresh_from_db()
    return run


def cut_off() -> TrainingRun | None:
    """The newest training that failed or was killed and can be resumed.

    One that was refused, or done, since then does not hide it.
    """
    sweep()
    stopped = TrainingRun.objects.filter(status__in=[Status.FAILED, Status.QUEUED])
    return next((run for run in stopped if training_work.folder_of(run).is_dir()), None)


def _make_live(write: Callable[[], T]) -> T:
    """Write a row that is live; the database lets one of those stand."""
    try:
        with transaction.atomic():
            return write()
    except IntegrityError as error:
        running = TrainingRun.objects.filter(live=True).first()
        if running is None:
            raise
        doing = running.get_status_display().lower()
        raise TrainingRefused(
            f"Training {running.pk} is {doing}; wait until it is done, or cancel it."
        ) from error


def cancel(run: TrainingRun) -> None:
    """Ask a training to stop: at once where nobody has begun, else at its next step."""
    if TrainingRun.objects.filter(pk=run.pk, status=Status.QUEUED).update(
        status=Status.CANCELLED, live=None, doing="", finished_at=timezone.now()
    ):
        run.refresh_from_db()
        if run.version_id is None:  # what it made may be at work already
            training_work.remove_files(run)
    else:
        TrainingRun.objects.filter(pk=run.pk, status=Status.RUNNING).update(cancel_asked=True)
        sweep()
    run.refresh_from_db()


# ── Carried out ───────────────────────────────────────────────────────────────────────────────
def queued() -> TrainingRun | None:
    """The training that waits for a worker, if there is one."""
    live = TrainingRun.objects.filter(live=True).first()
    if live is None or live.status != Status.QUEUED or live.claimed_by:
        return None
    return live


def run(
    run: TrainingRun,
    *,
    report: Report = in_silence,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainingRun:
    """Carry a queued training out in this process, to its end, whatever that is; returns the row.

    `report` hears what the row hears. Where `should_stop()` turns true the training goes back into
    the queue, to be resumed where it was. Raises `TrainingRefused` where somebody else has it.
    """
    owner = heartbeat.me()
    if not _claim(run, owner):
        raise TrainingRefused(f"Training {run.pk} is not waiting; somebody else has taken it up.")
    run.refresh_from_db()
    keeper = Keeper(run, owner=owner, also=report, should_stop=should_stop)
    try:
        work = improve.improve if run.options.get("improve") else training_work.train
        work(run, keeper)
        keeper.end(Status.DONE)
    except Cancelled:
        # Nothing half-written stays; a version that was made before is whole, and stays.
        if keeper.end(Status.CANCELLED) and run.version is None:
            training_work.remove_files(run)
    except Interrupted:
        keeper.give_back()
    except Lost as lost:
        logger.warning("%s", lost)
    except (ClipError, DatasetError, PromotionError) as error:
        ended = keeper.end(Status.FAILED, error=str(error))
        if ended and isinstance(error, DataRefused | DatasetError) and run.version is None:
            training_work.remove_files(run)  # the same data would be refused for ever
    except KeyboardInterrupt:
        keeper.end(Status.FAILED, error="Stopped with Ctrl-C.")
        raise
    except Exception as error:
        logger.exception("Training %s failed", run.pk)
        what = f"Something unexpected went wrong ({type(error).__name__}: {error})."
        more = "The messages of the process that trained say more."
        keeper.end(Status.FAILED, error=f"{what} {more}")
        if settings.DEBUG and run.options.get("foreground"):
            raise
    run.refresh_from_db()
    return run


def _claim(run: TrainingRun, owner: str) -> bool:
    now = timezone.now()
    return bool(
        TrainingRun.objects.filter(
            pk=run.pk, status=Status.QUEUED, claimed_by__in=["", owner]
        ).update(
            status=Status.RUNNING,
            claimed_by=owner,
            attempts=F("attempts") + 1,
            heartbeat_at=now,
            started_at=run.started_at or now,
            doing="Starting",
        )
    )
