"""What a result was made of, so that none is taken for another one's."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ModelError
from moderation.clip.finetune.data import FinetuneData


def fingerprint(data: FinetuneData) -> str:
    """A hash of what is learned and judged from, so that no result is taken for other data's."""
    digest = hashlib.sha256()
    for part in (data.train, data.validation, data.calibration):
        names = [path.name for path in part.images]
        digest.update(json.dumps([names, part.texts, part.labels.tolist()]).encode())
        digest.update(part.weights.tobytes())
    for listings in filter(None, (data.listings, data.replay)):
        names = [path.name for path in listings.images]
        digest.update(json.dumps([names, listings.texts]).encode())
    return digest.hexdigest()


def about(folder: Path, data: FinetuneData, numbers: Any) -> str:
    """A hash of all that decides what comes of training the model in `folder`, for its state.

    `numbers` are those of the training, as JSON can write them.
    """
    kinds = [part.categories for part in (data.listings, data.replay) if part is not None]
    parts = [checkpoint.weights_sha256(folder), fingerprint(data), kinds, numbers]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def check_same(
    output_dir: Path, trained: Mapping[str, Any], *, base: Path, data: FinetuneData
) -> None:
    """Whether `trained`, of the result in `output_dir`, speaks of this model and this data.

    Raises `ModelError` where it does not.
    """
    asked = {
        "another model": ("base_weights_sha256", checkpoint.weights_sha256(base)),
        "other data": ("data_sha256", fingerprint(data)),
    }
    for what, (name, wanted) in asked.items():
        if trained.get(name) != wanted:
            raise ModelError(
                f"{output_dir} holds what came of {what} than is requested now; choose "
                "another folder, or start from scratch without resuming."
            )
