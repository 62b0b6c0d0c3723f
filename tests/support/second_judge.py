"""Two real models of the bundled size, of which the second sees the same listings otherwise."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from moderation.clip.checkpoints.checkpoint import BUNDLED_FOLDER
from moderation.models import ModelVersion
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
