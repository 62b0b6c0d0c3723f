"""What the pretraining of the bundled model gives the training loop: batches, losses, averages."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.data.augment import vary_images, vary_text
from moderation.clip.data.negatives import Negatives, Prompts, colour_bits
from moderation.clip.data.product_rows import Rows, batches
from moderation.clip.pretrain.lanes import Lane, Lanes
from moderation.clip.pretrain.model import PretrainSettings, load_model, new_model
from moderation.clip.training.loop import train, warm_cosine
from moderation.clip.training.losses import contrastive_loss, pair_loss, prompt_loss
from moderation.clip.training.model_parts import encode_images, encode_texts, unit
from moderation.clip.training.state import StateFile
from moderation.clip.training.task import Run, Task
from moderation.clip.training.weights import put

if TYPE_CHECKING:
    import torch


class Pretraining(Task):
    """Model, averaged weights (what ships) and the stream of batches of one run.

    The losses are means over a part of the batch, in which every other text tells what a picture
    is not: hence a least size of the parts.
    """

    least_rows = 8

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
        self.rows, self.settings, self.device, self.bf16 = rows, settings, device, bf16
        self.each_step: Callable[[Run, float], None] = lambda run, loss: None
        if start_from is None:
            self.model, self.tokenizer = new_model(rows.texts, settings)
        else:
            self.model, self.tokenizer = load_model(start_from, settings)
        self.model.to(device).train()
        self.average = deepcopy(self.model).eval()
        self.weights = dict(self.model.named_parameters())
        # The sigmoid loss has a scale and a bias of its own; they are not part of the model.
        self.loss_weights = {
            name: torch.nn.Parameter(torch.tensor(value, device=device))
            for name, value in (("scale", math.log(10.0)), ("bias", -3.0))
        }
        self.negatives = Negatives(rows)
        self.prompts = Prompts(self.negatives)
        self.bits = np.array([colour_bits(text) for text in rows.texts], dtype=np.int64)
        self.pixels = torch.from_numpy(rows.pixels)
        self.lanes = Lanes(self.tokenizer, seed=settings.seed)
        self._stream = batches(
            self.negatives.source[self.negatives.kind],
            size=settings.batch_size,
            power=settings.source_power,
            rng=np.random.default_rng(settings.seed),
        )
        self._drawn = 0  # batches of the stream

    def train(self, state: StateFile, *, minutes: float | None = None) -> Run:
        """Train for the settings' steps or these minutes, whichever ends first."""
        return train(
            self,
            state=state,
            batch_size=self.settings.batch_size,
            steps=self.settings.steps,
            minutes=minutes,
            lanes=self.settings.lanes,
        )

    def optimizer(self) -> torch.optim.Optimizer:
        import torch

        decayed = [p for name, p in self.weights.items() if p.ndim > 1 and "embedding" not in name]
        kept = [p for name, p in self.weights.items() if p.ndim <= 1 or "embedding" in name]
        groups = [
            {"params": decayed, "weight_decay": self.settings.weight_decay},
            {"params": [*kept, *self.loss_weights.values()], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(
            groups, lr=self.settings.learning_rate, betas=(0.9, 0.98), fused=True
        )

    def rate(self, run: Run) -> float:
        return warm_cosine(run.done, warmup=self.settings.warmup, floor=0.02, least=0.01)

    def batch(self, run: Run) -> np.ndarray:
        while self._drawn < run.step:  # those before a resumed run
            next(self._stream)
            self._drawn += 1
        self._drawn += 1
        return next(self._stream)

    def parts(self, rows: np.ndarray, size: int) -> list[np.ndarray]:
        count = math.ceil(len(rows) / size)
        self.lanes.grow(count)
        return [rows[number::count] for number in range(count)]  # every source in every part

    def loss(self, rows: np.ndarray, run: Run, part: int) -> torch.Tensor:
        return len(rows) * self.mean_loss(rows, lane=self.lane(run, part), done=run.done)

    def lane(self, run: Run, part: int) -> Lane:
        """The lane of a part of this step's batch."""
        return self.lanes[part]

    def mean_loss(self, batch: np.ndarray, *, lane: Lane, done: float) -> torch.Tensor:
        """All losses of the rows `batch` [b]: among the pairs, and against all prompts."""
        import torch

        pairs, maybe_true = self._texts(batch, lane.rng)  # 2 b texts, [b, 2 b]
        kinds = self.negatives.kind[batch]
        chosen, types, colours = self.prompts.draw(kinds, rng=lane.rng)  # p and c prompts
        pixels = self.varied(self.pixels[torch.from_numpy(batch)], lane)  # [b, 3, s, s]
        image, text = self.encode(pixels, pairs + types + colours, lane=lane, done=done)
        text, type_prompts, colour_prompts = text.split([len(pairs), len(types), len(colours)])

        mask = torch.from_numpy(maybe_true).to(self.device)
        is_type, is_colour = self.prompts.positives(kinds, self.bits[batch], chosen=chosen)
        scale = self.model.logit_scale.exp()
        pair_scale, pair_bias = self.loss_weights["scale"].exp(), self.loss_weights["bias"]
        among = contrastive_loss(image, text, scale=scale, ignored=mask) + pair_loss(
            image, text, scale=pair_scale, bias=pair_bias, ignored=mask
        )
        by_prompts = prompt_loss(
            image, type_prompts, scale=scale, positive=is_type.to(self.device)
        ) + prompt_loss(image, colour_prompts, scale=scale, positive=is_colour.to(self.device))
        return among + self.settings.prompt_weight * by_prompts

    def varied(self, pixels: torch.Tensor, lane: Lane) -> torch.Tensor:
        """Stored pictures [b, s, s, 3] as one way of taking them, [b, 3, size, size] in 0..1."""
        return vary_images(
            pixels.to(self.device),
            size=self.settings.image_size,
            min_zoom=self.settings.min_zoom,
            generator=lane.generator,
        )

    def encode(
        self, pixels: torch.Tensor, texts: list[str], *, lane: Lane, done: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures [b, 3, s, s] from 0 to 1 and texts [m] as unit vectors [b, d] and [m, d]."""
        import torch

        dropped = self.settings.patch_drop if done < self.settings.full_from else 0.0
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16, cache_enabled=False):
            image = encode_images(
                self.model, self.normalised(pixels), dropped=dropped, generator=lane.generator
            )
            text = encode_texts(self.model, texts, lane.tokenizer)
        return unit(image), unit(text)

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

    def stepped(self, run: Run, loss: float) -> None:
        """Move the averaged weights towards the current ones."""
        import torch

        decay = min(self.settings.ema, (1 + run.step) / (10 + run.step))
        with torch.no_grad():
            self.model.logit_scale.clamp_(0.0, math.log(100.0))
            torch._foreach_lerp_(
                [*self.average.parameters()], [*self.model.parameters()], 1 - decay
            )

    def tell(self, run: Run, loss: float) -> None:
        self.each_step(run, loss)

    def state(self) -> dict[str, Any]:
        average = dict(self.average.named_parameters())
        return {"average": average, "dice": self.lanes.state()}

    def restore(self, state: dict[str, Any]) -> None:
        put(dict(self.average.named_parameters()), state["average"])
        self.lanes.restore(state["dice"])
