"""Mode `head`: both projections, on vectors that the model gave; no pixel is touched twice.

What is learnt is a square matrix for each tower, from the identity on (maps.py): the result folds
exactly into the stock model, and vectors that are stored can be turned by the matrix alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.finetune.decisions.task import DecisionTask
from moderation.clip.finetune.maps import (
    IMAGE_MAP,
    TEXT_MAP,
    base_projections,
    folded,
    identity,
    turned,
)
from moderation.clip.finetune.settings import Recipe
from moderation.clip.finetune.step import Step
from moderation.clip.training.model_parts import unit
from moderation.clip.training.progress import ProgressHeartbeat, Update, part
from moderation.clip.training.weights import Weights

if TYPE_CHECKING:
    import torch

_SWAPS = 3  # made mismatches of each match; their vectors are made once


class Head(DecisionTask):
    """Two square matrices, trained on unit vectors of the base."""

    def __init__(self, step: Step, recipe: Recipe, heartbeat: ProgressHeartbeat) -> None:
        import torch

        super().__init__(step, recipe, device="cpu", report=part(heartbeat.tell, 0.2, 0.9))
        # Remembered, since each validation needs them.
        self.vectors = vectors = step.remembered(
            lambda doing, done: heartbeat.tell(Update(doing, 0.2 * done))
        )
        self.folder = step.folder
        self.projections = base_projections(step.folder)
        self.image = _tensor(vectors.images(self.pairs.images))  # [n, d]
        self.text = _tensor(vectors.texts(self.pairs.texts))  # [n, d]
        made = self._made()
        self.made_start = np.cumsum([0, *map(len, made)])  # [n + 1]
        found = vectors.texts([text for texts in made for text in texts])
        self.made = _tensor(found.reshape(-1, self.image.shape[1]))  # [all made, d]
        self.weights = {
            name: torch.nn.Parameter(one) for name, one in identity(self.image.shape[1]).items()
        }
        self.start_scale()

    def encode(self, images: Sequence[Path], texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return (
            self._mapped(IMAGE_MAP, self.vectors.images(images)) if images else np.zeros((0, 0)),
            self._mapped(TEXT_MAP, self.vectors.texts(texts)) if texts else np.zeros((0, 0)),
        )

    def towers(
        self, rows: np.ndarray, *, epoch: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        import torch

        counts = np.diff(self.made_start)[rows]  # [b]
        starts = np.repeat(self.made_start[rows], counts)
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        place = torch.from_numpy(rows)
        made = torch.from_numpy(starts + nth)  # [s]
        owner = torch.from_numpy(np.repeat(np.arange(len(rows)), counts))  # [s]
        image_map, text_map = self.weights[IMAGE_MAP], self.weights[TEXT_MAP]
        return (
            unit(self.image[place] @ image_map.T),
            unit(self.text[place] @ text_map.T),
            unit(self.made[made] @ text_map.T),
            owner,
        )

    def tensors(self, weights: Mapping[str, torch.Tensor]) -> Weights:
        return folded(weights, self.projections, folder=self.folder)

    def _made(self) -> list[list[str]]:
        """The made mismatches of each row; a function of seed and row."""
        made = []
        for row in range(len(self.pairs)):
            rng = np.random.default_rng([self.recipe.seed, row])
            drawn = (self.swaps.draw(row, rng=rng) for _ in range(_SWAPS))
            made.append(list(dict.fromkeys(text for text in drawn if text is not None)))
        return made

    def _mapped(self, name: str, vectors: np.ndarray) -> np.ndarray:
        return turned(vectors, self.weights[name].detach().numpy().astype(np.float64))


def _tensor(vectors: np.ndarray) -> torch.Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
