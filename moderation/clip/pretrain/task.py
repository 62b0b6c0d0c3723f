"""The training loop of the bundled model: one class holds the run, one function runs it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.data.augment import vary_images, vary_text
from moderation.clip.data.negatives import Negatives, Prompts, colour_bits
from moderation.clip.data.product_rows import Rows, batches
from moderation.clip.errors import ModelError
from moderation.clip.pretrain.model import (
    PretrainSettings,
    encode_images,
    encode_texts,
    load_model,
    new_model,
)
from moderation.clip.training.losses import contrastive_loss, pair_loss, prompt_loss

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast


@dataclass(frozen=True)
class Lane:
    """What one thread of a step needs for itself: its dice and its tokenizer (not thread-safe)."""

    rng: np.random.Generator
    generator: torch.Generator
    tokenizer: PreTrainedTokenizerFast


class Trainer:
    """Model, optimiser, averaged weights and the stream of batches of one run."""

    def __init__(
        self,
        rows: Rows,
        settings: PretrainSettings,
        *,
        device: str,
        bf16: bool,
        start_from: Path | None = None,
    ) -> None:
        import torch

        torch.manual_seed(settings.seed)
        self.rows, self.settings, self.device = rows, settings, device
        self.bf16 = bf16
        self.rng = np.random.default_rng(settings.seed)
        if start_from is None:
            self.model, self.tokenizer = new_model(rows.texts, settings)
        else:
            self.model, self.tokenizer = load_model(start_from, settings)
        self.model.to(device).train()
        self.average = deepcopy(self.model).eval()
        # The sigmoid loss has a scale and a bias of its own; they are not part of the model.
        self.pair_scale = torch.nn.Parameter(torch.tensor(math.log(10.0), device=device))
        self.pair_bias = torch.nn.Parameter(torch.tensor(-3.0, device=device))
        self.optimizer = self._optimizer()
        self.negatives = Negatives(rows)
        self.prompts = Prompts(self.negatives)
        self.bits = np.array([colour_bits(text) for text in rows.texts], dtype=np.int64)
        self.pixels = torch.from_numpy(rows.pixels)
        self.lanes = [
            Lane(
                rng=np.random.default_rng([settings.seed, lane]),
                generator=torch.Generator().manual_seed(settings.seed + lane),
                tokenizer=deepcopy(self.tokenizer),
            )
            for lane in range(settings.lanes)
        ]
        self.pool = ThreadPoolExecutor(settings.lanes)
        self.step, self.before, self.started = 0, 0.0, time.monotonic()

    def _optimizer(self) -> torch.optim.Optimizer:
        import torch

        named = [*self.model.named_parameters()]
        decayed = [p for name, p in named if p.ndim > 1 and "embedding" not in name]
        kept = [p for name, p in named if p.ndim <= 1 or "embedding" in name]
        groups = [
            {"params": decayed, "weight_decay": self.settings.weight_decay},
            {"params": [*kept, self.pair_scale, self.pair_bias], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), fused=True)

    def progress(self) -> float:
        """Share of the run that is done, 0 to 1: of the steps, or of the minutes."""
        if self.settings.steps is not None:
            return self.step / self.settings.steps
        return self.minutes() / self.settings.minutes

    def minutes(self) -> float:
        """Minutes trained so far, those before a resumption counted in."""
        return self.before + (time.monotonic() - self.started) / 60

    def save(self, path: Path) -> None:
        """Write all that `load` needs to go on, whole or not at all."""
        import torch

        fresh = path.with_name(path.name + ".part")
        torch.save(self.state(), fresh)
        fresh.replace(path)

    def state(self) -> dict[str, Any]:
        """All that a run which goes on needs to know."""
        parts = {"model": self.model, "average": self.average, "optimizer": self.optimizer}
        state: dict[str, Any] = {name: part.state_dict() for name, part in parts.items()}
        state["pair"] = [self.pair_scale.detach(), self.pair_bias.detach()]
        return state | {"step": self.step, "minutes": self.minutes()}

    def load(self, path: Path) -> None:
        """Go on from a saved state; the dice go on from the step, not from where they were.

        Raises ModelError when there is no state or it is of another shape.
        """
        import torch

        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (OSError, KeyError, RuntimeError, ValueError, UnpicklingError) as error:
            raise ModelError(
                f"{path} is not the state of an unfinished run with these settings: "
                "start afresh without --resume."
            ) from error
        with torch.no_grad():
            self.pair_scale.copy_(state["pair"][0])
            self.pair_bias.copy_(state["pair"][1])
        self.step, self.before = state["step"], state["minutes"]
        self.rng = np.random.default_rng([self.settings.seed, self.step])

    def train_step(self, batch: np.ndarray, *, done: float) -> float:
        """One update from the rows `batch` [b]; returns the loss.

        The batch is dealt to the lanes, each a single-threaded step on its own core: on a busy CPU
        that is far faster than one step over all cores, which waits for the slowest at every layer.
        """
        import torch

        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate(done)
        self.optimizer.zero_grad(set_to_none=True)

        def work(number: int) -> float:
            lane_batch = batch[number :: len(self.lanes)]  # every source in every lane
            loss = self.loss(lane_batch, lane=self.lanes[number], done=done) / len(self.lanes)
            loss.backward()
            return float(loss.detach())

        loss = sum(self.pool.map(work, range(len(self.lanes))))
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self._average()
        return loss

    def loss(self, batch: np.ndarray, *, lane: Lane, done: float) -> torch.Tensor:
        """All losses of the rows `batch` [b]: among the pairs, and against all prompts."""
        import torch

        pairs, maybe_true = self._texts(batch, lane.rng)  # 2 b texts, [b, 2 b]
        kinds = self.negatives.kind[batch]
        chosen, types, colours = self.prompts.draw(kinds, rng=lane.rng)  # p and c prompts
        pixels = vary_images(
            self.pixels[torch.from_numpy(batch)].to(self.device),
            size=self.settings.image_size,
            min_zoom=self.settings.min_zoom,
            generator=lane.generator,
        )  # [b, 3, s, s]
        image, text = self.encode(pixels, pairs + types + colours, lane=lane, done=done)
        text, type_prompts, colour_prompts = text.split([len(pairs), len(types), len(colours)])

        mask = torch.from_numpy(maybe_true).to(self.device)
        is_type, is_colour = self.prompts.positives(kinds, self.bits[batch], chosen=chosen)
        scale, pair_scale = self.model.logit_scale.exp(), self.pair_scale.exp()
        return (
            contrastive_loss(image, text, scale=scale, ignored=mask)
            + pair_loss(image, text, scale=pair_scale, bias=self.pair_bias, ignored=mask)
            + self.settings.prompt_weight
            * (
                prompt_loss(image, type_prompts, scale=scale, positive=is_type.to(self.device))
                + prompt_loss(
                    image, colour_prompts, scale=scale, positive=is_colour.to(self.device)
                )
            )
        )

    def encode(
        self, pixels: torch.Tensor, texts: list[str], *, lane: Lane, done: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures [b, 3, s, s] from 0 to 1 and texts [m] as unit vectors [b, d] and [m, d]."""
        import torch
        from torch.nn import functional

        dropped = self.settings.patch_drop if done < self.settings.full_from else 0.0
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16, cache_enabled=False):
            image = encode_images(
                self.model, self.normalised(pixels), dropped=dropped, generator=lane.generator
            )
            text = encode_texts(self.model, texts, lane.tokenizer)
        return functional.normalize(image.float(), dim=-1), functional.normalize(
            text.float(), dim=-1
        )

    def normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pictures from 0 to 1 as the model wants them: the bundled one from -1 to 1."""
        return pixels * 2 - 1

    def _texts(self, batch: np.ndarray, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
        """b true texts, then b made mismatches; and which pairs count neither way, [b, 2 b]."""
        rows, kinds = self.rows, self.negatives.kind[batch]
        texts = [vary_text(rows.texts[i], category=rows.categories[i], rng=rng) for i in batch]
        made = [self.negatives.mismatch(int(i), rng=rng) for i in batch]
        pairs = texts + [text for text, _kind in made]
        maybe_true = self.negatives.maybe_true(
            kinds,
            self.bits[batch],
            np.concatenate([kinds, [kind for _text, kind in made]]),
            np.array([colour_bits(text) for text in pairs], dtype=np.int64),
        )
        np.fill_diagonal(maybe_true, False)  # each picture's own text is true, not maybe
        return pairs, maybe_true

    def _average(self) -> None:
        """Move the averaged weights (what ships) towards the current ones."""
        import torch

        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            self.model.logit_scale.clamp_(0.0, math.log(100.0))
            torch._foreach_lerp_(
                [*self.average.parameters()], [*self.model.parameters()], 1 - decay
            )


def run(trainer: Trainer, *, each_step: Callable[[Trainer, float], None]) -> None:
    """Train to the end of the steps or minutes; `each_step` gets the loss after every update."""
    trainer.started = time.monotonic()
    for batch in batches(
        trainer.negatives.source[trainer.negatives.kind],
        size=trainer.settings.batch_size,
        power=trainer.settings.source_power,
        rng=trainer.rng,
    ):
        done = trainer.progress()
        if done >= 1.0:
            return
        each_step(trainer, trainer.train_step(batch, done=done))
