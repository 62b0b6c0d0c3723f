"""Trainings taken back from processes that are gone."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.utils import timezone

from moderation.models import TrainingRun

from ..worker import heartbeat
from . import training_work

logger = logging.getLogger(__name__)

Status = TrainingRun.Status
ATTEMPTS = 3
# A step of a training reports at least this often; one silent for longer is stuck or gone.
SILENCE = timedelta(minutes=15)


def sweep() -> None:
    """Take a live training back from a process that is gone, or give it up."""
    row = TrainingRun.objects.filter(live=True).first()
    if row is None or not _is_gone(row):
        return
    reason = "The process that trained was killed or stopped answering."
    same = {name: getattr(row, name) for name in ("pk", "status", "claimed_by", "attempts")}
    mine = TrainingRun.objects.filter(**same)
    ended = {"live": None, "doing": "", "finished_at": timezone.now()}
    failed = ended | {"status": Status.FAILED}
    if row.cancel_asked:
        if mine.update(status=Status.CANCELLED, **ended) and row.version_id is None:
            training_work.remove_files(row)
    elif row.options.get("foreground"):
        mine.update(error=f"{reason} Resume with `python manage.py train_clip --resume`.", **failed)
    elif row.attempts >= ATTEMPTS:
        tried = f"Given up after {ATTEMPTS} attempts."
        mine.update(error=f"{tried} {reason} Perhaps memory ran out.", **failed)
    else:
        log = f"{row.log}{reason} It resumes where it was.\n"
        mine.update(status=Status.QUEUED, claimed_by="", doing="Waiting for the worker", log=log)
    logger.warning("Training %s: %s", row.pk, reason)


def _is_gone(row: TrainingRun) -> bool:
    if not row.claimed_by or heartbeat.is_dead(row.claimed_by):
        return bool(row.claimed_by)
    return (row.heartbeat_at or row.created_at) < timezone.now() - SILENCE
