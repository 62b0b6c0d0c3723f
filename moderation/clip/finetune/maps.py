"""Two square matrices that turn a model's vectors, and fold into the model as new projections.

A vector is u = W h / |W h| with the stock projection W. M u points where (M W) h points, so M is
stored beside the model, for vectors that are known already, and M W in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip import families
from moderation.clip.checkpoints import checkpoint
from moderation.clip.checkpoints.head_maps import NAMES
from moderation.clip.errors import ModelError
from moderation.clip.training.weights import Weights, mixed

if TYPE_CHECKING:
    import torch

IMAGE_MAP, TEXT_MAP = NAMES["image"], NAMES["text"]


def identity(size: int) -> Weights:
    """Maps [size, size] that turn nothing."""
    import torch

    return {name: torch.eye(size) for name in (IMAGE_MAP, TEXT_MAP)}


def part_way(maps: Mapping[str, torch.Tensor], ratio: float) -> Weights:
    """Identity + ratio * (map - identity)."""
    return mixed(identity(len(next(iter(maps.values())))), maps, ratio)


def base_projections(folder: Path) -> Weights:
    """The projections of the model in this folder by the names of their maps, in float32.

    Raises ModelError, also where a tower does not end in a linear projection.
    """
    names = _projections(folder)
    weights = checkpoint.load_model(folder).state_dict()
    return {key: weights[name].float() for key, name in names.items()}


def folded(
    maps: Mapping[str, torch.Tensor], projections: Mapping[str, torch.Tensor], *, folder: Path
) -> Weights:
    """The new projections of the model in this folder, by its own names: M W for each tower."""
    return {
        name: (maps[key].double().cpu() @ projections[key].double()).float()
        for key, name in _projections(folder).items()
    }


def _projections(folder: Path) -> dict[str, str]:
    """The names of the projections in the model, by the names of their maps."""
    known = families.of(folder).projections
    if missing := [tower for tower in NAMES if tower not in known]:
        raise ModelError(
            f"The {missing[0]} tower of {folder.name} does not end in a linear projection, which "
            "is what mode head trains; choose another mode."
        )
    return {NAMES[tower]: name for tower, name in known.items()}


def turned(vectors: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Unit vectors [n, d] after a map [d, d]."""
    moved = vectors @ matrix.T
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))


def cosines(maps: Mapping[str, torch.Tensor], image: np.ndarray, text: np.ndarray) -> np.ndarray:
    """Cosines [m] of paired vectors [m, d] after the maps."""
    first, second = (
        turned(vectors, maps[name].detach().cpu().numpy())
        for vectors, name in ((image, IMAGE_MAP), (text, TEXT_MAP))
    )
    return np.asarray((first * second).sum(axis=1))
