"""Two real models of the bundled size, of which the second sees the same listings otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from django.db import transaction
from django.utils import timezone
from safetensors.numpy import load_file, save_file

from moderation.clip.checkpoints.checkpoint import BUNDLED_FOLDER
from moderation.models import Analysis, ModelVersion, SecondVerdict
from moderation.services.queue import review_queue
from moderation.services.registry import registering
from moderation.services.scoring import second_answers

OWNER = "test/0/0"


def register_second(folder: Path, *, seed: int = 0, **fields: object) -> ModelVersion:
    """A copy of the bundled model whose text tower was shaken a little, registered."""
    shutil.copytree(BUNDLED_FOLDER, folder)
    path, rng = folder / "model.safetensors", np.random.default_rng(seed)
    weights = load_file(path)
    for name, values in weights.items():
        if name.startswith("text") and values.ndim == 2:
            shaken = values * (1 + 0.2 * rng.standard_normal(values.shape))
            weights[name] = shaken.astype(values.dtype)
    save_file(weights, path, metadata={"format": "pt"})
    version = registering.register(str(folder))
    ModelVersion.objects.filter(pk=version.pk).update(**fields)
    version.refresh_from_db()
    return version


def ask_second() -> int:
    """What the worker does after the first verdicts; returns how many were answered."""
    return second_answers.answer_waiting(owner=OWNER, seconds=600)


def say(analysis: Analysis, *, is_mismatch: bool, version: ModelVersion) -> SecondVerdict:
    """The second judge's word on an analysis, without asking a model; the queue follows."""
    similarity = version.threshold + (-0.01 if is_mismatch else 0.01)
    SecondVerdict.objects.filter(analysis=analysis).delete()
    row = SecondVerdict.objects.create(
        analysis=analysis,
        model_version=version,
        similarity=similarity,
        p_mismatch=0.1234,
        threshold_used=version.threshold,
        is_mismatch=is_mismatch,
        answered_at=timezone.now(),
    )
    with transaction.atomic():
        review_queue.follow([analysis])
    return row
