"""The adaptation of a small model, all its weights: the pretraining's steps on the shop's rows.

What is added to `pretrain_loop.Trainer`: decided pairs in every step, a penalty on forgetting
(retain.py), listings left out by their score, and dice that depend on nothing but seed and step,
so that a run that was killed ends where it would have ended.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.data.augment import vary_images
from moderation.clip.data.product_rows import Rows
from moderation.clip.finetune.adaptation.retain import (
    drift,
    made_up_pictures,
    made_up_texts,
    vocabulary,
)
from moderation.clip.finetune.adaptation.rows import Decided
from moderation.clip.pictures.preprocess import ImageTransform
from moderation.clip.pretrain.model import PretrainSettings, encode_images, encode_texts
from moderation.clip.pretrain.task import Lane, Trainer

if TYPE_CHECKING:
    import torch

LEAST_ROWS = 8  # of a lane: with fewer, hardly any other text tells what a picture is not


@dataclass(frozen=True)
class AdaptSettings:
    """What the adaptation adds to the pretraining's settings."""

    left_out: float = 0.12  # of the listings, the lowest scores: about two in five wrong ones
    again: float = 0.5  # share of the run at which the adapted model chooses anew whom to leave out
    decided: int = 8  # decided mismatches, and as many matches, in each lane's step
    decided_weight: float = 0.5
    replayed: float = 0.35  # share of replayed pairs in each batch, where there are any
    retained: int = 16  # made-up pictures and texts in each lane's step
    retain_weight: float = 15.0


class Adapter(Trainer):
    """Model, optimiser and rows of one adaptation.

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
        self.limit: float | None = None  # minutes

    def progress(self) -> float:
        """Share of the run that is done: of the steps, or of the minutes where they run out."""
        done = super().progress()
        return done if self.limit is None else max(done, self.minutes() / self.limit)

    def normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        import torch

        mean = torch.tensor(self.transform.mean, device=pixels.device)[:, None, None]
        std = torch.tensor(self.transform.std, device=pixels.device)[:, None, None]
        return (pixels - mean) / std

    # ── Which listings to learn from ──────────────────────────────────────────────────────────
    def choose(self, model: Any) -> np.ndarray:
        """Positions of the listings, less the share that this model scores lowest."""
        scores = self.similarities(model)
        return np.sort(np.argsort(scores, kind="stable")[int(self.own.left_out * len(scores)) :])

    def similarities(self, model: Any) -> np.ndarray:
        """Cosine of each listing [n]."""
        image = self.vectors(model, self.pixels[: self.listings])
        return (image * self.text_vectors(model, self.rows.texts[: self.listings])).sum(axis=1)

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
                found.append(
                    functional.normalize(encode_images(model, self.normalised(shown)), dim=-1)
                )
        return torch.cat(found).float().cpu().numpy()

    def text_vectors(self, model: Any, texts: list[str]) -> np.ndarray:
        """Unit vectors [n, d] of texts."""
        import torch
        from torch.nn import functional

        found = []
        with torch.inference_mode():
            for start in range(0, len(texts), 2048):
                self.alive()
                found.append(encode_texts(model, texts[start : start + 2048], self.tokenizer))
            return functional.normalize(torch.cat(found), dim=-1).float().cpu().numpy()

    # ── Steps ─────────────────────────────────────────────────────────────────────────────────
    def batch(self) -> np.ndarray:
        """The rows of this step [b]: kept listings and replayed pairs."""
        replayed = np.arange(self.listings, len(self.rows))
        size = self.settings.batch_size
        old = round(self.own.replayed * size) if len(replayed) else 0
        return np.concatenate([self._part(self.kept, size - old), self._part(replayed, old)])

    def _part(self, rows: np.ndarray, size: int) -> np.ndarray:
        """The `size` rows whose turn it is in this step; each epoch has an order of its own."""
        if not size:
            return rows[:0]
        places = np.arange(self.step * size, (self.step + 1) * size)
        orders = {
            epoch: np.random.default_rng([self.settings.seed, int(epoch)]).permutation(len(rows))
            for epoch in np.unique(places // len(rows))
        }
        return rows[[orders[place // len(rows)][place % len(rows)] for place in places]]

    def step_once(self) -> float:
        """One update; returns its loss. The dice are those of this step, whatever came before."""
        if not self.chosen_again and self.progress() >= self.own.again:
            self.kept, self.chosen_again = self.choose(self.average), True
        self.lanes = [self._lane(number) for number in range(len(self.lanes))]
        return self.train_step(self.batch(), done=self.progress())

    def divide(self) -> bool:
        """Where memory ran out: twice as many lanes of half the rows, no more of them at a time, so
        that the batch stays what it was. False where they would be too small to learn from."""
        lanes = 2 * len(self.lanes)
        if self.settings.batch_size // lanes < LEAST_ROWS:
            return False
        self.pool.shutdown()  # others of the failed step may still be adding to the gradients
        self.pool = ThreadPoolExecutor(self.settings.lanes)
        self._lanes(lanes)
        return True

    def _lanes(self, count: int) -> None:
        import torch

        while len(self.lanes) < count:
            tokenizer = deepcopy(self.tokenizer)
            self.lanes.append(Lane(self.rng, torch.Generator(), tokenizer))  # `_lane` seeds it

    def _lane(self, number: int) -> Lane:
        seed = [self.settings.seed, self.step, number]
        rng = np.random.default_rng(seed)
        self.lanes[number].generator.manual_seed(int(rng.integers(2**62)))
        return replace(self.lanes[number], rng=rng)

    def loss(self, batch: np.ndarray, *, lane: Lane, done: float) -> torch.Tensor:
        total = super().loss(batch, lane=lane, done=done)
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
            image_before = encode_images(self.base, self.normalised(pictures))
            text_before = encode_texts(self.base, texts, lane.tokenizer)
        unit = torch.nn.functional.normalize
        return drift(image, unit(image_before, dim=-1)) + drift(text, unit(text_before, dim=-1))

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
        pixels = vary_images(
            self.decided_pixels[torch.from_numpy(rows)].to(self.device),
            size=self.settings.image_size,
            min_zoom=self.settings.min_zoom,
            generator=lane.generator,
        )
        texts = [self.decided.texts[row] for row in rows]
        image, text = self.encode(pixels, texts, lane=lane, done=done)
        logits = self.pair_scale.exp() * (image * text).sum(dim=1) + self.pair_bias  # [r]
        truth = torch.from_numpy(labels[rows]).to(logits)
        each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
        parts = [each[truth == label].mean() for label in (0, 1) if (truth == label).any()]
        return torch.stack(parts).mean()

    # ── Going on ──────────────────────────────────────────────────────────────────────────────
    def state(self) -> dict[str, Any]:
        import torch

        own = {"kept": torch.from_numpy(self.kept), "chosen_again": self.chosen_again}
        return super().state() | own | {"lanes": len(self.lanes)}

    def load(self, path: Path) -> None:
        import torch

        super().load(path)
        state = torch.load(path, weights_only=True)
        self.kept, self.chosen_again = state["kept"].numpy(), state["chosen_again"]
        self._lanes(state["lanes"])
