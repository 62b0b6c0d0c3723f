"""Weights by name: copies of them, and mixtures of two sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

Weights = dict[str, "torch.Tensor"]


def copied(weights: Mapping[str, torch.Tensor]) -> Weights:
    """The values of these weights now, in memory of their own."""
    return {name: weight.detach().clone() for name, weight in weights.items()}


def mixed(
    base: Mapping[str, torch.Tensor], tuned: Mapping[str, torch.Tensor], ratio: float
) -> Weights:
    """base + ratio * (tuned - base), tensor by tensor."""
    return {name: base[name].detach().lerp(tuned[name].detach(), ratio) for name in base}


def put(weights: Mapping[str, torch.Tensor], values: Mapping[str, torch.Tensor]) -> None:
    """Give the weights these values, in place."""
    import torch

    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(values[name])
