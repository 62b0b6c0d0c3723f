"""The adaptation of a small model, all its weights: the pretraining's steps on the shop's rows.

What is added to `Pretraining`: decided pairs in every step, a penalty on forgetting (retain.py),
listings excluded by their score, and random numbers that depend only on seed, step and lane.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.data.product_rows import Rows
from moderation.clip.finetune.adaptation.retain import (
    drift,
    made_up_pictures,
    made_up_texts,
    vocabulary,
)
from moderation.clip.finetune.adaptation.rows import Decided
from moderation.clip.pictures.preprocess import ImageTransform
from moderation.clip.pretrain.lanes import Lane
from moderation.clip.pretrain.model import PretrainSettings
from moderation.clip.pretrain.task import Pretraining
from moderation.clip.training.model_parts import encode_images, encode_texts, unit
from moderation.clip.training.task import Run

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class AdaptSettings:
    """What the adaptation adds to the pretraining's settings."""

    left_out: float = 0.12  # of the listings, the lowest scores: about two in five wrong ones
    again: float = 0.5  # share of the run at which the adapted model chooses again which to exclude
    decided: int = 8  # decided mismatches, and as many matches, in each lane's step
    decided_weight: float = 0.5
    replayed: float = 0.35  # share of replayed pairs in each batch, where there are any
    retained: int = 16  # made-up pictures and texts in each lane's step
    retain_weight: float = 15.0


class Adaptation(Pretraining):
    """Model and rows of one adaptation.

    The first `listings` rows are the shop's, the others are replayed. `kept` are the positions of
    the listings learnt from.
    """

    def __init__(
        self,
        rows: Rows,
        settings: PretrainSettings,
        *,
        listings: int,
        own: AdaptSettings,
        decided: Decided,
        transform: ImageTransform,
        device: str,
        bf16: bool,
        start_from: Path,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        """`alive` is called every few pictures that are encoded, and may raise to stop."""
        import torch

        self.transform, self.alive = transform, alive
        super().__init__(rows, settings, device=device, bf16=bf16, start_from=start_from)
        self.listings, self.own, self.decided = listings, own, decided
        self.base = deepcopy(self.average).requires_grad_(False)
        self.words = vocabulary(list(self.tokenizer.get_vocab()))
        self.decided_pixels = torch.from_numpy(decided.pixels)
        self.kept = self.choose(self.base)
        self.chosen_again = False

    def normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        import torch

        mean = torch.tensor(self.transform.mean, device=pixels.device)[:, None, None]
        std = torch.tensor(self.transform.std, device=pixels.device)[:, None, None]
        return (pixels - mean) / std

    # ── Which listings to learn from ──────────────────────────────────────────────────────────
    def choose(self, model: Any) -> np.ndarray:
        """Positions of the listings, less the share that this model scores lowest."""
        image = self.vectors(model, self.pixels[: self.listings])
        text = self.text_vectors(model, self.rows.texts[: self.listings])
        scores = (image * text).sum(axis=1)  # [n]
        return np.sort(np.argsort(scores, kind="stable")[int(self.own.left_out * len(scores)) :])

    def vectors(self, model: Any, pixels: torch.Tensor) -> np.ndarray:
        """Unit vectors [n, d] of stored pictures [n, s, s, 3], without variations."""
        import torch
        from torch.nn import functional

        size, found = self.settings.image_size, []
        with torch.inference_mode():
            for part in pixels.split(256):
                self.alive()
                shown = functional.interpolate(
                    part.permute(0, 3, 1, 2).float() / 255, size=size, mode="bilinear",
                    antialias=True, align_corners=False,
                ).to(self.device)  # fmt: skip
                found.append(unit(encode_images(model, self.normalised(shown))))
        return torch.cat(found).cpu().numpy()

    def text_vectors(self, model: Any, texts: list[str]) -> np.ndarray:
        """Unit vectors [n, d] of texts."""
        import torch

        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), 2048):
                self.alive()
                found.append(encode_texts(model, texts[start : start + 2048], self.tokens))
            return unit(torch.cat(found)).cpu().numpy()

    # ── Steps ─────────────────────────────────────────────────────────────────────────────────
    def batch(self, run: Run) -> np.ndarray:
        """The rows of this step [b]: kept listings and replayed pairs."""
        if not self.chosen_again and run.done >= self.own.again:
            self.kept, self.chosen_again = self.choose(self.average), True
        replayed = np.arange(self.listings, len(self.rows))
        size = self.settings.batch_size
        old = round(self.own.replayed * size) if len(replayed) else 0
        return np.concatenate(
            [self._turn(self.kept, size - old, run.step), self._turn(replayed, old, run.step)]
        )

    def _turn(self, rows: np.ndarray, size: int, step: int) -> np.ndarray:
        """The `size` rows whose turn it is in this step; each epoch has an order of its own."""
        if not size:
            return rows[:0]
        places = np.arange(step * size, (step + 1) * size)
        orders = {
            epoch: np.random.default_rng([self.settings.seed, int(epoch)]).permutation(len(rows))
            for epoch in np.unique(places // len(rows))
        }
        return rows[[orders[place // len(rows)][place % len(rows)] for place in places]]

    def lane(self, run: Run, part: int) -> Lane:
        rng = np.random.default_rng([self.settings.seed, run.step, part])
        self.lanes[part].generator.manual_seed(int(rng.integers(2**62)))
        return replace(self.lanes[part], rng=rng)

    def mean_loss(self, batch: np.ndarray, *, lane: Lane, done: float) -> torch.Tensor:
        total = super().mean_loss(batch, lane=lane, done=done)
        if self.own.retain_weight:
            total = total + self.own.retain_weight * self._forgetting(lane, done)
        if len(self.decided):
            total = total + self.own.decided_weight * self._decided_loss(lane, done)
        return total

    def _forgetting(self, lane: Lane, done: float) -> torch.Tensor:
        """How far vectors of made-up pictures and texts have turned from the base's."""
        import torch

        count = self.own.retained
        rows = torch.from_numpy(lane.rng.integers(0, len(self.rows), size=count))
        pictures = made_up_pictures(
            self.pixels[rows].to(self.device),
            size=self.settings.image_size, rng=lane.rng, generator=lane.generator,
        )  # fmt: skip
        texts = made_up_texts(self.words, count=count, rng=lane.rng)
        image, text = self.encode(pictures, texts, lane=lane, done=done)
        with torch.no_grad():
            image_before = unit(encode_images(self.base, self.normalised(pictures)))
            text_before = unit(encode_texts(self.base, texts, self.tokens))
        return drift(image, image_before) + drift(text, text_before)

    def _decided_loss(self, lane: Lane, done: float) -> torch.Tensor:
        """BCE on sigmoid(scale * cos + bias) of decided pairs, both classes alike."""
        import torch
        from torch.nn import functional

        labels = self.decided.labels
        rows = np.concatenate(
            [
                lane.rng.choice(found, size=min(self.own.decided, len(found)), replace=False)
                for found in (np.flatnonzero(labels == 0), np.flatnonzero(labels == 1))
                if len(found)
            ]
        )
        pixels = self.varied(self.decided_pixels[torch.from_numpy(rows)], lane, done=done)
        texts = [self.decided.texts[row] for row in rows]
        image, text = self.encode(pixels, texts, lane=lane, done=done)
        scale, bias = self.loss_weights["scale"].exp(), self.loss_weights["bias"]
        logits = scale * (image * text).sum(dim=1) + bias  # [r]
        truth = torch.from_numpy(labels[rows]).to(logits)
        each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        parts = [each[truth == label].mean() for label in (0, 1) if (truth == label).any()]
        return torch.stack(parts).mean()

    # ── State ─────────────────────────────────────────────────────────────────────────────────
    def state(self) -> dict[str, Any]:
        import torch

        kept = torch.from_numpy(self.kept)
        return super().state() | {"kept": kept, "chosen_again": self.chosen_again}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self.kept, self.chosen_again = state["kept"].cpu().numpy(), state["chosen_again"]
