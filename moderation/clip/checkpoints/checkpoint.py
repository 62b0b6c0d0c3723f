"""Model folders: find one by name or path, load it, save it whole or not at all.

A name is `bundled` (the small model in this package), another preset (`known.py`), a local folder,
or a repository on the hub.
Weights are read from safetensors only; a pickle can run code when it is read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip import families
from moderation.clip.atomic import whole_folder
from moderation.clip.checkpoints import hub, known
from moderation.clip.checkpoints.hub import PINNED
from moderation.clip.checkpoints.weights import (
    WEIGHTS_NAME,
    files_sha256,
    weight_files,
    weights_sha256,
)
from moderation.clip.errors import ModelError

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

    from moderation.clip.pictures.preprocess import ImageTransform

__all__ = [
    "BUNDLED",
    "BUNDLED_FOLDER",
    "PINNED",
    "WEIGHTS_NAME",
    "ResolvedModel",
    "checked",
    "files_sha256",
    "load_model",
    "load_tokenizer",
    "load_transform",
    "logit_scale",
    "read_about",
    "resolve",
    "save_model",
    "threshold",
    "weight_files",
    "weights_sha256",
    "whole_folder",
]

BUNDLED = "bundled"
BUNDLED_FOLDER = Path(__file__).parents[1] / "bundled"
# What clipmod knows of a model beyond the stock files: its threshold, calibration and figures.
ABOUT_NAME = "clipmod.json"


@dataclass(frozen=True)
class ResolvedModel:
    """A model's files on this machine. `revision` is the hub commit, None for other sources."""

    folder: Path
    name: str
    revision: str | None = None

    @cached_property
    def weights_sha256(self) -> str:
        return weights_sha256(self.folder)

    @cached_property
    def files_sha256(self) -> str:
        return files_sha256(self.folder)


def resolve(
    name_or_path: str | Path,
    *,
    revision: str | None = None,
    local_only: bool = False,
    progress: bool = True,
    accept_licence: bool = False,
) -> ResolvedModel:
    """The folder of `bundled`, of a local folder, or of a hub repository at one commit.

    A hub model is downloaded where needed, unless `local_only`. Raises `ModelUnavailable` where
    the hub cannot be reached and nothing is cached, `LicenceNotAccepted`, `UnsafeWeights` and
    `ModelError`.
    """
    name = known.full_name(str(name_or_path))
    if name == BUNDLED:
        return ResolvedModel(checked(BUNDLED_FOLDER), BUNDLED)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return ResolvedModel(checked(folder), name)
    if not hub.is_hub_name(name):
        raise ModelError(
            f"There is no model folder {name}; give an existing folder, a hub name such as "
            f"openai/clip-vit-base-patch32, or one of {', '.join([*known.PRESETS, BUNDLED])}."
        )
    folder, commit = hub.fetch(
        name,
        revision=revision,
        local_only=local_only,
        progress=progress,
        accept_licence=accept_licence,
    )
    return ResolvedModel(checked(folder), name, commit)


def logit_scale(folder: Path) -> float:
    """The factor of the cosines in a softmax, read without torch. Raises `ModelError`."""
    return families.of(checked(folder)).read_logit_scale(folder)


def read_about(folder: Path) -> dict[str, Any]:
    """The folder's `clipmod.json`; empty where it has none. Raises `ModelError`."""
    path = folder / ABOUT_NAME
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} is not valid JSON; restore the file.") from error
    if not isinstance(about, dict):
        raise ModelError(f"{path} must hold a JSON object; restore the file.")
    return about


def threshold(folder: Path) -> float:
    """The folder's own threshold, or that of its family. Raises `ModelError`."""
    said = read_about(folder).get("threshold")
    return families.of(folder).threshold(folder) if said is None else float(said)


def load_model(folder: Path, *, dtype: torch.dtype | None = None) -> PreTrainedModel:
    """The model of a folder, in eval mode, float32 unless `dtype` says otherwise.

    Nothing is asked of the network. Raises `ModelError` naming the file that is wrong.
    """
    return families.of(checked(folder)).load_model(folder, dtype=dtype)


def load_tokenizer(folder: Path) -> Tokenizer:
    """The folder's tokenizer, without padding or truncation. Raises `ModelError`."""
    return families.of(folder).load_tokenizer(folder)


def load_transform(folder: Path) -> ImageTransform:
    """How a picture becomes the pixels of this model. Raises `ModelError`."""
    return families.of(folder).load_transform(folder)


def save_model(model: PreTrainedModel, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` to a folder that must not exist yet.

    The folder appears whole or not at all; to add other files (tokenizer, preprocessor), fill a
    `whole_folder` oneself. Raises `ModelError`.
    """
    with whole_folder(folder) as unfinished:
        model.save_pretrained(unfinished)


def checked(folder: Path) -> Path:
    """The folder, if it has what a model needs. Raises `ModelError`."""
    weight_files(folder)
    for name in ("config.json", "preprocessor_config.json"):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} has no {name}; this is not a whole model folder.")
    return folder
