"""What all trained models share: the rows they learn from, the loss, and the held-out pairs."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.finetune.data import FinetuneData, LabelledPairs
from moderation.clip.finetune.decisions.swaps import Swaps
from moderation.clip.finetune.losses import balanced, first_scale, held_out_losses, pair_losses

if TYPE_CHECKING:
    import torch


class Learner(ABC):
    """Weights to be trained on decided pairs, by name in `weights`; `scale` (a logarithm) and
    `bias` belong to the loss and are trained along.

    P(match) = sigmoid(exp(scale) * cosine + bias).
    """

    weights: dict[str, torch.nn.Parameter]
    scale: torch.nn.Parameter
    bias: torch.nn.Parameter

    def __init__(self, data: FinetuneData, *, seed: int, swaps: float, device: str) -> None:
        import torch

        self.pairs, self.validation = data.train, data.validation
        self.seed, self.swap_weight, self.device = seed, swaps, device
        self.swaps = Swaps(data.train)
        self.row_weights = torch.tensor(
            balanced(self.pairs.labels, self.pairs.weights), dtype=torch.float32, device=device
        )  # [n]
        self.labels = torch.tensor(self.pairs.labels, dtype=torch.float32, device=device)  # [n]

    def start_scale(self) -> None:
        """Fit the loss's scale and bias to the model as it is, before anything moves."""
        import torch

        scale, bias = first_scale(self.cosines(self.pairs), self.pairs.labels)
        self.scale = torch.nn.Parameter(torch.tensor(math.log(scale), device=self.device))
        self.bias = torch.nn.Parameter(torch.tensor(bias, device=self.device))

    def __len__(self) -> int:
        return len(self.pairs)

    @abstractmethod
    def encode(self, images: Sequence[Path], texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors [n, d] and [m, d] with the weights as they are."""

    @abstractmethod
    def towers(
        self, rows: np.ndarray, *, epoch: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Unit vectors for the loss: images [b, d], their texts [b, d], made mismatches [s, d],
        and whose they are: positions [s] in 0..b-1."""

    @abstractmethod
    def tensors(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The model's tensors that these trained weights make, by their names in the file."""

    def loss(self, rows: np.ndarray, *, epoch: int) -> torch.Tensor:
        """The weighted loss summed over `rows` [b] of the training pairs, made mismatches in."""
        import torch

        image, text, made, owner = self.towers(rows, epoch=epoch)
        place = torch.from_numpy(rows).to(self.device)
        scale = self.scale.exp()
        decided = pair_losses(
            (image * text).sum(dim=1), self.labels[place], scale=scale, bias=self.bias
        )  # [b]
        weight = self.row_weights[place]
        total = (weight * decided).sum()
        if len(owner):
            cosine = (image[owner] * made).sum(dim=1)
            wrong = pair_losses(cosine, torch.zeros_like(cosine), scale=scale, bias=self.bias)
            share = torch.bincount(owner, minlength=len(rows))[owner]  # of how many made ones
            total = total + self.swap_weight * (weight[owner] * wrong / share).sum()
        return total

    def cosines(self, pairs: LabelledPairs) -> np.ndarray:
        """Cosine of each pair [m], float64, with the weights as they are."""
        image, text = self.encode(pairs.images, pairs.texts)
        return (image.astype(np.float64) * text).sum(axis=1)

    def validation_losses(self) -> np.ndarray:
        """Loss of each held-out pair [m] with the weights as they are."""
        part = self.validation
        return held_out_losses(self.cosines(part), part.labels, part.weights)

    def validation_loss(self) -> float:
        """The mean loss of the held-out pairs."""
        return float(self.validation_losses().mean())

    def put(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Set the trained weights."""
        import torch

        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(weights[name])
