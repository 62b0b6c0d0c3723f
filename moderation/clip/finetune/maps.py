"""Two square matrices that turn a model's vectors, and fold into the model as new projections.

A vector is u = W h / |W h| with the stock projection W. M u points where (M W) h points, so M is
stored beside the model, for vectors that are known already, and M W in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.checkpoints import checkpoint
from moderation.clip.training.model_parts import IMAGE_MAP, PROJECTIONS, TEXT_MAP
from moderation.clip.training.weights import Weights, mixed

if TYPE_CHECKING:
    import torch

MAPS_NAME = "head_maps.safetensors"


def identity(size: int) -> Weights:
    """Maps [size, size] that turn nothing."""
    import torch

    return {name: torch.eye(size) for name in (IMAGE_MAP, TEXT_MAP)}


def part_way(maps: Mapping[str, torch.Tensor], ratio: float) -> Weights:
    """Identity + ratio * (map - identity)."""
    return mixed(identity(len(next(iter(maps.values())))), maps, ratio)


def base_projections(folder: Path) -> Weights:
    """The projections of the model in this folder by name, in float32. Raises ModelError."""
    weights = checkpoint.load_model(folder).state_dict()
    return {name: weights[name].float() for name in PROJECTIONS.values()}


def folded(maps: Mapping[str, torch.Tensor], projections: Mapping[str, torch.Tensor]) -> Weights:
    """The model's new projections: M W for each tower."""
    return {
        name: (maps[key].double().cpu() @ projections[name].double()).float()
        for key, name in PROJECTIONS.items()
    }


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
