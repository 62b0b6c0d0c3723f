"""Turn a hub checkpoint that exists as a pickle only into safetensors, once."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from moderation.clip.atomic import whole_folder
from moderation.clip.checkpoints import hub_files
from moderation.clip.errors import ModelError, UnsafeWeights

if TYPE_CHECKING:
    import torch


def converted_folder(name: str, commit: str) -> Path:
    """Where a model that has only a pickle is kept as safetensors."""
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "clipmod" / name.replace("/", "--") / commit


def to_safetensors(snapshot: Path, name: str, commit: str) -> Path:
    """Save the snapshot's `pytorch_model.bin` as safetensors, once, in a folder of our own."""
    from huggingface_hub.utils import WeakFileLock

    folder = converted_folder(name, commit)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(str(folder) + ".lock"):
        if not folder.is_dir():
            tensors = _read_pickle(snapshot / hub_files.PICKLE)
            with whole_folder(folder) as unfinished:
                _write(tensors, unfinished / hub_files.WEIGHTS)
                for file in hub_files.SMALL:
                    if (snapshot / file).is_file():
                        shutil.copyfile(snapshot / file, unfinished / file)
    return folder


def _write(tensors: dict[str, torch.Tensor], path: Path) -> None:
    from safetensors.torch import save_file

    save_file(tensors, path, metadata={"format": "pt"})


def _read_pickle(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a hub checkpoint, by torch's loader that runs no code."""
    import pickle

    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UnsafeWeights(
            f"{path} holds more than weights and is not read; choose a model with safetensors."
        ) from error
    except (RuntimeError, OSError, ValueError, EOFError) as error:
        raise ModelError(f"{path} is damaged; delete it and download the model again.") from error
    return _untied(state)


def _untied(state: Mapping[str, object]) -> dict[str, torch.Tensor]:
    """The tensors alone, each with memory of its own: safetensors refuses tied weights."""
    import torch

    tensors: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, value in state.items():
        if isinstance(value, torch.Tensor):
            memory = value.untyped_storage().data_ptr()
            tensors[name] = value.clone() if memory in seen else value.contiguous()
            seen.add(memory)
    return tensors
