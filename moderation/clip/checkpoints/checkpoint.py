"""Model folders: find one by name or path, load it, save it whole or not at all.

A name is `bundled` (the small model in this package), a local folder, or a repository on the hub.
Weights are read from safetensors only; a pickle can run code when it is read.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.atomic import whole_folder
from moderation.clip.checkpoints import hub
from moderation.clip.checkpoints.hub import PINNED
from moderation.clip.errors import ModelError, UnsafeWeights

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import CLIPModel

__all__ = [
    "BUNDLED",
    "BUNDLED_FOLDER",
    "PINNED",
    "ResolvedModel",
    "load_model",
    "load_tokenizer",
    "read_about",
    "resolve",
    "save_model",
    "weight_files",
    "weights_sha256",
    "whole_folder",
]

BUNDLED = "bundled"
BUNDLED_FOLDER = Path(__file__).parents[1] / "bundled"
# What clipmod knows of a model beyond the stock files: its threshold, calibration and figures.
ABOUT_NAME = "clipmod.json"
WEIGHTS_NAME = "model.safetensors"
_SHARDS_NAME = "model.safetensors.index.json"


@dataclass(frozen=True)
class ResolvedModel:
    """A model's files on this machine. `revision` is the hub commit, None for other sources."""

    folder: Path
    name: str
    revision: str | None = None

    @cached_property
    def weights_sha256(self) -> str:
        return weights_sha256(self.folder)


def resolve(
    name_or_path: str | Path,
    *,
    revision: str | None = None,
    local_only: bool = False,
    progress: bool = True,
) -> ResolvedModel:
    """The folder of `bundled`, of a local folder, or of a hub repository at one commit.

    A hub model is downloaded where needed, unless `local_only`. Raises `ModelUnavailable` where
    the hub cannot be reached and nothing is cached, `UnsafeWeights` and `ModelError`.
    """
    name = str(name_or_path)
    if name == BUNDLED:
        return ResolvedModel(_checked(BUNDLED_FOLDER), BUNDLED)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return ResolvedModel(_checked(folder), name)
    if not hub.is_hub_name(name):
        raise ModelError(
            f"There is no model folder {name}; give an existing folder, a hub name such as "
            f"openai/clip-vit-base-patch32, or {BUNDLED}."
        )
    folder, commit = hub.fetch(name, revision=revision, local_only=local_only, progress=progress)
    return ResolvedModel(_checked(folder), name, commit)


def weights_sha256(folder: Path) -> str:
    """SHA-256 (hex) over the folder's safetensors, in the order of their names."""
    digest = hashlib.sha256()
    for path in weight_files(folder):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def logit_scale(folder: Path) -> float:
    """The factor of the cosines in a softmax: the exponential of the weights' `logit_scale`.

    Only that number is read, without torch. Raises `ModelError`.
    """
    from safetensors import SafetensorError, safe_open

    for path in weight_files(folder):
        try:
            with safe_open(path, framework="numpy") as weights:
                if "logit_scale" in weights.keys():  # noqa: SIM118 - no mapping
                    return math.exp(float(weights.get_tensor("logit_scale")))
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{path} is damaged; restore the file.") from error
    raise ModelError(f"{folder} has no logit_scale among its weights; this is no CLIP model.")


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


def load_model(folder: Path, *, dtype: torch.dtype | None = None) -> CLIPModel:
    """The stock `CLIPModel` of a folder, in eval mode, float32 unless `dtype` says otherwise.

    Nothing is asked of the network. Raises `ModelError` naming the file that is wrong.
    """
    _checked(folder)
    hub.keep_quiet()
    import torch
    from safetensors import SafetensorError
    from transformers import CLIPConfig, CLIPModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # loading takes a fifth of a second
    try:
        config = CLIPConfig.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{folder / 'config.json'} is not a valid model configuration.") from error
    try:
        model, found = CLIPModel.from_pretrained(
            folder,
            config=config,
            dtype=dtype or torch.float32,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"{_weights(folder)[0]} is damaged or does not fit config.json; restore the file or "
            "download the model again."
        ) from error
    # Left alone, transformers would fill the gaps with random numbers and go on.
    if missing := sorted({*found["missing_keys"], *found.get("mismatched_keys", ())}, key=str):
        raise ModelError(
            f"{_weights(folder)[0]} lacks {len(missing)} of the model's weights "
            f"({missing[0]}, ...); this is not a whole CLIP model."
        )
    return model.eval()


def load_tokenizer(folder: Path) -> Tokenizer:
    """The folder's tokenizer, equal to the stock `CLIPTokenizer`, without padding or truncation."""
    path = folder / "tokenizer.json"
    if path.is_file():
        from tokenizers import Tokenizer

        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception for a bad file
            raise ModelError(f"{path} is not a valid tokenizer; restore the file.") from error
    else:
        tokenizer = _old_tokenizer(folder)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _old_tokenizer(folder: Path) -> Tokenizer:
    """From vocab.json and merges.txt. Without them transformers would make up an empty one."""
    if not all((folder / name).is_file() for name in ("vocab.json", "merges.txt")):
        raise ModelError(f"{folder} has no tokenizer.json, nor vocab.json and merges.txt.")
    hub.keep_quiet()
    from transformers import CLIPTokenizer

    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{folder / 'vocab.json'} is not a valid tokenizer.") from error


def save_model(model: CLIPModel, folder: Path) -> None:
    """Write `config.json` and `model.safetensors` to a folder that must not exist yet.

    The folder appears whole or not at all; to add other files (tokenizer, preprocessor), fill a
    `whole_folder` oneself. Raises `ModelError`.
    """
    with whole_folder(folder) as unfinished:
        model.save_pretrained(unfinished)


def _weights(folder: Path) -> list[Path]:
    if (folder / WEIGHTS_NAME).is_file():
        return [folder / WEIGHTS_NAME]
    if not (folder / _SHARDS_NAME).is_file():
        return []
    try:
        shards = json.loads((folder / _SHARDS_NAME).read_text(encoding="utf-8"))["weight_map"]
        return [folder / name for name in sorted(set(shards.values()))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / _SHARDS_NAME} is damaged; restore the file.") from error


def weight_files(folder: Path) -> list[Path]:
    """The folder's safetensors in the order of their names. Raises `ModelError`."""
    weights = _weights(folder)
    if not weights:
        if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
            raise UnsafeWeights(
                f"{folder} has its weights in a pickle file only, which can run code when read; "
                f"save the model as {WEIGHTS_NAME}."
            )
        raise ModelError(f"{folder} has no {WEIGHTS_NAME}; this is not a model folder.")
    for path in weights:
        if not path.is_file():
            raise ModelError(f"{path} is missing; restore the file or download the model again.")
    return weights


def _checked(folder: Path) -> Path:
    """The folder, if it has what a model needs."""
    weight_files(folder)
    for name in ("config.json", "preprocessor_config.json"):
        if not (folder / name).is_file():
            raise ModelError(f"{folder} has no {name}; this is not a whole model folder.")
    return folder
