"""What pages show of trainings: one as it stands, and what the buttons need to know."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from moderation.clip.errors import ModelError
from moderation.models import TrainingRun
from moderation.services.learning import readiness
from moderation.services.registry import versions
from moderation.services.worker import heartbeat

from .training_chart import panels

TRAIN, PROMOTE = "moderation.train", "moderation.promote"
LINES_SHOWN = 12
# The record's names of what was asked for; what is missing here, no reader needs.
_WISHES = {
    "mode_asked": "Mode asked for",
    "minutes": "Minutes at most",
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "seed": "Seed",
    "train_csv": "Training CSV",
    "val_csv": "Validation CSV",
    "image_base_path": "Photos start in",
    "device": "Device",
}
Status = TrainingRun.Status
_KINDS = {Status.DONE: "passed", Status.FAILED: "flagged", Status.RUNNING: "active"}


def kind(run: TrainingRun) -> str:
    """The colour of its badge."""
    return _KINDS.get(Status(run.status), "")


def address(run: TrainingRun) -> str:
    """The page of a training."""
    return reverse("admin:moderation_trainingrun_change", args=[run.pk])


def state(run: TrainingRun) -> dict[str, Any]:
    """What the page of a training shows."""
    end = run.finished_at or timezone.now()
    return {
        "run": run,
        "kind": kind(run),
        "seconds": (end - run.started_at).total_seconds() if run.started_at else None,
        "percent": f"{100 * run.progress:.0f}",
        "panels": panels(run.curve),
        "outcome": _outcome(run),
        "wishes": [(name, run.options[key]) for key, name in _WISHES.items() if key in run.options],
        "last_lines": "\n".join(run.log.splitlines()[-LINES_SHOWN:]),
        "worker": heartbeat.health(),
        "may_resume": run.status == Status.FAILED and bool(run.output_dir),
    }


def _outcome(run: TrainingRun) -> str:
    """What it came to in the end: the last sentence of the whole loop, or why it made nothing."""
    if run.status == Status.DONE and run.version_id is None and run.reasons:
        return str(run.reasons[-1])
    if run.status != Status.DONE or not run.options.get("improve"):
        return ""
    return (run.log.strip().splitlines() or [""])[-1]


def start(request: HttpRequest) -> dict[str, Any]:
    """What the buttons need to know: who may press them, and what is under way."""
    try:
        version = versions.current()
    except ModelError:
        version = None
    may_train, live = request.user.has_perm(TRAIN), TrainingRun.objects.filter(live=True).first()
    return {
        "may_train": may_train,
        "may_promote": request.user.has_perm(PROMOTE),
        "live_run": live,
        "active_name": version.name if version else "",
        "active_pk": version.pk if version else None,
        "may_calibrate": request.user.has_perm("moderation.set_threshold"),
        "readiness": readiness.readiness() if may_train and not live else None,
    }
