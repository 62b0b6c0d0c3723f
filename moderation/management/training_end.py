"""How a training command ends, whichever command it is."""

from __future__ import annotations

from django.core.management.base import CommandError

from moderation.models import TrainingRun
from moderation.services.learning import improve

NOTHING_BETTER = 3
STOPPED = "Stopped. `python manage.py train_clip --resume` continues where it was."


def check_improved(run: TrainingRun) -> None:
    """Raises `CommandError` where a whole loop did not end with something better."""
    if run.status != TrainingRun.Status.DONE:
        raise CommandError(run.error or f"Training {run.pk} was cancelled.")
    if improve.was_for_nothing(run):
        raise CommandError(
            "The active version stays at work; see above why.", returncode=NOTHING_BETTER
        )
