"""Mode `head`: both projections, on vectors that the model gave; no pixel is touched twice.

A vector is u = W h / |W h| with the stock projection W. What is learnt is a square matrix M for
each tower, from the identity on: M u points where (M W) h points, so the result folds exactly into
the stock model as the new projection M W, and vectors that are stored can be turned by M alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.finetune.data import FinetuneData
from moderation.clip.finetune.decisions.task import Learner
from moderation.clip.finetune.features import Vectors

if TYPE_CHECKING:
    import torch

MAPS_NAME = "head_maps.safetensors"
IMAGE_MAP, TEXT_MAP = "M_image", "M_text"
PROJECTIONS = {IMAGE_MAP: "visual_projection.weight", TEXT_MAP: "text_projection.weight"}
_SWAPS = 3  # made mismatches of each match; their vectors are made once


class Head(Learner):
    """Two square matrices, trained on unit vectors of the base."""

    def __init__(
        self,
        data: FinetuneData,
        vectors: Vectors,
        *,
        projections: Mapping[str, torch.Tensor],
        seed: int,
        swaps: float,
        device: str = "cpu",
    ) -> None:
        """`projections` are the base's tensors visual_projection.weight and text_projection.weight;
        `vectors` must remember what it was asked, since it is asked at each validation."""
        import torch

        super().__init__(data, seed=seed, swaps=swaps, device=device)
        self.vectors, self.projections = vectors, projections
        self.image = self._tensor(vectors.images(self.pairs.images))  # [n, d]
        self.text = self._tensor(vectors.texts(self.pairs.texts))  # [n, d]
        made = self._made()
        self.made_start = np.cumsum([0, *map(len, made)])  # [n + 1]
        found = vectors.texts([text for texts in made for text in texts])
        self.made = self._tensor(found.reshape(-1, self.image.shape[1]))  # [all made, d]
        size = self.image.shape[1]
        self.weights = {
            name: torch.nn.Parameter(torch.eye(size, device=device))
            for name in (IMAGE_MAP, TEXT_MAP)
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
        from torch.nn import functional

        counts = np.diff(self.made_start)[rows]  # [b]
        starts = np.repeat(self.made_start[rows], counts)
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        place = torch.from_numpy(rows).to(self.device)
        made = torch.from_numpy(starts + nth).to(self.device)  # [s]
        owner = torch.from_numpy(np.repeat(np.arange(len(rows)), counts)).to(self.device)  # [s]
        image_map, text_map = self.weights[IMAGE_MAP], self.weights[TEXT_MAP]
        return (
            functional.normalize(self.image[place] @ image_map.T, dim=-1),
            functional.normalize(self.text[place] @ text_map.T, dim=-1),
            functional.normalize(self.made[made] @ text_map.T, dim=-1),
            owner,
        )

    def tensors(self, weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {
            name: (weights[key].double().cpu() @ self.projections[name].double()).float()
            for key, name in PROJECTIONS.items()
        }

    def _made(self) -> list[list[str]]:
        """The made mismatches of each row; a function of seed and row."""
        made = []
        for row in range(len(self.pairs)):
            rng = np.random.default_rng([self.seed, row])
            drawn = (self.swaps.draw(row, rng=rng) for _ in range(_SWAPS))
            made.append(list(dict.fromkeys(text for text in drawn if text is not None)))
        return made

    def _mapped(self, name: str, vectors: np.ndarray) -> np.ndarray:
        matrix = self.weights[name].detach().cpu().numpy().astype(np.float64)
        turned = vectors @ matrix.T
        return turned / np.linalg.norm(turned, axis=1, keepdims=True)

    def _tensor(self, vectors: np.ndarray) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32)).to(self.device)
