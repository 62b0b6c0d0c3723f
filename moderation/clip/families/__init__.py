"""What a checkpoint is, one file a family: `of(folder)` and `of_model(model)` say which one it is.

To add a family, put a file with a subclass of `Family` here; nothing else lists it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.errors import ModelError
from moderation.clip.families.family import FAMILIES, TOWERS, Family, Tower
from moderation.clip.plugins import import_all

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["TOWERS", "Family", "Tower", "of", "of_model"]


def of(folder: Path) -> Family:
    """The family of a model folder, by its config.json. Raises `ModelError`."""
    path = folder / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        # The first exports of CLIP do not say what they are.
        return _of(config.get("model_type", "clip"), path)
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is not a valid model configuration.") from error


def of_model(model: PreTrainedModel) -> Family:
    """The family of a loaded model, by its configuration. Raises `ModelError`."""
    return _of(model.config.model_type, "The model")


def _of(model_type: str, what: object) -> Family:
    import_all(__name__)
    if model_type not in FAMILIES:
        known = ", ".join(sorted(FAMILIES))
        raise ModelError(f"{what} is of the type {model_type!r}; use one of {known}.")
    return FAMILIES[model_type]
