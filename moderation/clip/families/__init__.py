"""What a checkpoint is, one file a family: `of(folder)` and `of_model(model)` say which one it is.

To add a family, put a file with a subclass of `Family` here; nothing else lists it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.errors import ModelError
from moderation.clip.families.family import FAMILIES, TOWERS, Family, Tower

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["TOWERS", "Family", "Tower", "of", "of_model"]


def of(folder: Path) -> Family:
    """The family of a model folder, by its config.json. Raises `ModelError`."""
    path = folder / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        # The first exports of CLIP do not say what they are.
        model_type = config.get("model_type", "clip")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is not a valid model configuration.") from error
    return _named(str(model_type), where=str(path))


def of_model(model: PreTrainedModel) -> Family:
    """The family of a loaded model, by its `config.model_type`. Raises `ModelError`."""
    return _named(model.config.model_type, where="The model")


def _named(model_type: str, *, where: str) -> Family:
    families = FAMILIES.all()
    if model_type not in families:
        known = ", ".join(sorted(families))
        raise ModelError(f"{where} is of the type {model_type!r}; use one of {known}.")
    return families[model_type]
