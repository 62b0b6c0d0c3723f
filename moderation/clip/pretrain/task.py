"""What the pretraining of the bundled model gives the training loop: batches, losses, averages."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from copy import deepcopy
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip import families
from moderation.clip.data.augment import vary_images, vary_text
from moderation.clip.data.negatives import Negatives, Prompts, colour_bits
from moderation.clip.data.product_rows import Rows, batches
from moderation.clip.data.shop_style import as_shops_write
from moderation.clip.pretrain.lanes import Lane, Lanes
from moderation.clip.pretrain.model import DRAWN, PretrainSettings, load_model, new_model
from moderation.clip.texts.prepare import prepare
from moderation.clip.texts.tokens import Tokens
from moderation.clip.training.loop import train, warm_cosine
from moderation.clip.training.losses import contrastive_loss, pair_loss, prompt_loss
from moderation.clip.training.model_parts import encode_images, encode_texts, unit
from moderation.clip.training.state import StateFile
from moderation.clip.training.task import Run, Task
from moderation.clip.training.weights import put

if TYPE_CHECKING:
    import torch


_PREPARED = 0.5


class Part(Enum):
    """The parts of a model that learn at rates of their own."""

    PICTURES = "vision_model."
    TEXTS = "text_"  # and their projection
    JOINT = ""  # the projection of pictures and the scale

    @classmethod
    def of(cls, name: str) -> Part:
        """The part that a weight of this name belongs to."""
        return next(part for part in cls if name.startswith(part.value))

    def group(self, settings: PretrainSettings) -> dict[str, Any]:
        """Rate and, where it begins later, the share of the run from which it learns."""
        rate = settings.learning_rate
        if self is Part.TEXTS:
            return {"lr": rate * settings.text_rate, "from": settings.text_from}
        return {"lr": rate * (settings.head_rate if self is Part.JOINT else 1.0)}


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
        text_from: Path | None = None,
    ) -> None:
        import torch

        torch.manual_seed(settings.seed)
        self.rows, self.settings, self.device, self.bf16 = rows, settings, device, bf16
        self.each_step: Callable[[Run, float], None] = lambda run, loss: None
        if start_from is None:
            self.model, self.tokenizer = new_model(rows.texts, settings, text_from=text_from)
        else:
            self.model, self.tokenizer = load_model(start_from, settings)
        self.family = families.of_model(self.model)
        self.tokens = Tokens(self.tokenizer, most=self.family.text_length(self.model.config))
        self.model.to(device=device, memory_format=torch.channels_last)
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
        self.lanes = Lanes(seed=settings.seed)
        self._stream = batches(
            np.array(rows.sources),
            size=settings.batch_size,
            shares=source_shares(rows.sources, settings),
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
            clip=self.settings.clip,
        )

    def optimizer(self) -> torch.optim.Optimizer:
        """One group for each tower and for what joins them, with and without decay."""
        import torch

        settings = self.settings
        groups = [{"params": [*self.loss_weights.values()], "weight_decay": 0.0,
                   "lr": settings.learning_rate * settings.head_rate}]  # fmt: skip
        for part in Part:
            named = {n: p for n, p in self.weights.items() if Part.of(n) is part}
            decayed = [p for n, p in named.items() if p.ndim > 1 and "embedding" not in n]
            kept = [p for n, p in named.items() if p.ndim <= 1 or "embedding" in n]
            about = part.group(settings)
            groups += [
                about | {"params": decayed, "weight_decay": settings.weight_decay},
                about | {"params": kept, "weight_decay": 0.0},
            ]
        groups = [group for group in groups if group["params"]]
        return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.99), fused=True)

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
        stored = self.pixels[torch.from_numpy(batch)]
        pixels = self.varied(stored, lane, done=done)  # [b, 3, s, s]
        image, text = self.encode(pixels, pairs + types + colours, lane=lane, done=done)
        text, type_prompts, colour_prompts = text.split([len(pairs), len(types), len(colours)])

        mask = torch.from_numpy(maybe_true).to(self.device)
        is_type, is_colour = self.prompts.positives(kinds, self.bits[batch], chosen=chosen)
        scale = self.family.scale(self.model)
        pair_scale, pair_bias = self.loss_weights["scale"].exp(), self.loss_weights["bias"]
        among = contrastive_loss(image, text, scale=scale, ignored=mask) + pair_loss(
            image, text, scale=pair_scale, bias=pair_bias, ignored=mask
        )
        by_prompts = prompt_loss(
            image, type_prompts, scale=scale, positive=is_type.to(self.device)
        ) + prompt_loss(image, colour_prompts, scale=scale, positive=is_colour.to(self.device))
        return among + self.settings.prompt_weight * by_prompts

    def varied(self, pixels: torch.Tensor, lane: Lane, *, done: float) -> torch.Tensor:
        """Stored pictures [b, s, s, 3] as one way of taking them, [b, 3, size, size] in 0..1."""
        early = done < self.settings.late_from
        return vary_images(
            pixels.to(self.device),
            size=self.settings.early_size if early else self.settings.image_size,
            min_zoom=self.settings.min_zoom,
            generator=lane.generator,
        )

    def encode(
        self, pixels: torch.Tensor, texts: list[str], *, lane: Lane, done: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Pictures [b, 3, s, s] from 0 to 1 and texts [m] as unit vectors [b, d] and [m, d]."""
        import torch

        dropped = self.settings.dropped if done < self.settings.full_from else 0.0
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16, cache_enabled=False):
            image = encode_images(
                self.model, self.normalised(pixels), dropped=dropped, generator=lane.generator
            )
            with torch.set_grad_enabled(done >= self.settings.text_from):
                text = encode_texts(self.model, texts, self.tokens)
        return unit(image), unit(text)

    def normalised(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pictures from 0 to 1 as the model wants them: the bundled one from -1 to 1."""
        return pixels * 2 - 1

    def _texts(self, batch: np.ndarray, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
        """b true texts, then b made mismatches; and which pairs count neither way, [b, 2 b]."""
        rows, kinds = self.rows, self.negatives.kind[batch]
        texts = [vary_text(rows.texts[i], category=rows.categories[i], rng=rng) for i in batch]
        made = [self.negatives.mismatch(int(i), rng=rng) for i in batch]
        plain = texts + [text for text, _kind in made]
        pairs = [self._as_written(text, rng) for text in plain]
        maybe_true = self.negatives.maybe_true(
            kinds,
            self.bits[batch],
            np.concatenate([kinds, [kind for _text, kind in made]]),
            np.array([colour_bits(text) for text in plain], dtype=np.int64),
        )
        np.fill_diagonal(maybe_true, False)  # each picture's own text is true, not maybe
        return pairs, maybe_true

    def _as_written(self, text: str, rng: np.random.Generator) -> str:
        """Now and then as shops write it, of that half as the model reads it in the app."""
        if rng.random() >= self.settings.noise:
            return text
        written = as_shops_write(text, rng=rng)
        return prepare(written) if rng.random() < _PREPARED else written

    def stepped(self, run: Run, loss: float) -> None:
        """Move the averaged weights towards the current ones."""
        import torch

        decay = min(self.settings.ema, (1 + run.step) / (10 + run.step))
        with torch.no_grad():
            self.family.bound_scale(self.model)
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


def source_shares(sources: Sequence[str], settings: PretrainSettings) -> dict[str, float]:
    """How large a part of every batch each source has: a power of its rows, the drawn ones' set."""
    counts = Counter(sources)
    real = {source: count**settings.source_power for source, count in counts.items()}
    drawn = real.pop(DRAWN, None)
    if drawn is None or not real:
        return real or {DRAWN: 1.0}
    whole = sum(real.values()) / (1 - settings.drawn_share)
    return real | {DRAWN: settings.drawn_share * whole}
