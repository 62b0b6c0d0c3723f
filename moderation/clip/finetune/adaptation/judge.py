"""How far from the base's weights an adaptation goes: judged on what was held back from it.

WiSE-FT (Wortsman et al. 2022) lies between forgetting and not learning. What speaks for going
further are the shop's held-back listings and decisions. What speaks against it is forgetting: on
replayed pairs where there are some, else on made-up inputs (retain.py).
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.data.negatives import Negatives, held_out_pairs
from moderation.clip.data.product_rows import Rows
from moderation.clip.finetune.adaptation.retain import made_up_pictures, made_up_texts
from moderation.clip.finetune.adaptation.rows import pictures
from moderation.clip.finetune.adaptation.task import Adapter
from moderation.clip.finetune.data import LabelledPairs
from moderation.clip.finetune.decisions.tune import Tuned
from moderation.clip.pictures.preprocess import ImageTransform
from moderation.clip.pretrain.model import encode_images
from moderation.clip.statistics.metrics import average_precision, roc_auc
from moderation.clip.training.progress import Update

if TYPE_CHECKING:
    import torch

# Least correlation of the answers to made-up inputs with the base's. Models of three new shops
# (benchmarks/new_shop) lost 0.03 AUC on the other domains between 0.974 and 0.988 of it.
RETAINED = 0.985
# Most that the ROC-AUC on held-back replayed pairs may fall.
FORGOTTEN = 0.015
_ASKED = 500  # made-up pictures and texts that a model is asked about
RATIOS = tuple(step / 20 for step in range(0, 21, 2))

Figures = dict[str, float]


class Judge:
    """What a mixture of base and adapted weights is judged by."""

    def __init__(
        self,
        adapter: Adapter,
        held: Rows,
        validation: LabelledPairs,
        *,
        replay: Rows | None,
        transform: ImageTransform,
        side: int,
        tell: Callable[[float], None] = lambda done: None,
    ) -> None:
        """`tell` gets the share of the validation part's pictures that are read."""
        import torch

        self.adapter = adapter
        self.listings = MadePairs(held, seed=adapter.settings.seed)
        self.replay = MadePairs(replay, seed=adapter.settings.seed) if replay else None
        self.made_up = None if self.replay else MadeUp(adapter)
        self.validation = validation
        self.validation_pixels = torch.from_numpy(
            pictures(validation.images, transform=transform, side=side, tell=tell)
        )

    def choose(self, folder: Path, *, tell: Callable[[Update], None]) -> Tuned:
        """The ratio of base to adapted weights that is judged best and retains enough."""
        adapter, figures = self.adapter, {}
        for number, ratio in enumerate(RATIOS):
            tell(Update("Choosing how far to go", 0.9 + 0.1 * number / len(RATIOS)))
            figures[ratio] = self.figures(mixed(adapter.base, adapter.average, ratio))
        ratio = chosen_ratio(figures)
        model = mixed(adapter.base, adapter.average, ratio)
        return Tuned(
            folder,
            tensors=_tensors(model) if ratio else {},
            last=_tensors(adapter.average),
            reasons=[_reason(ratio, figures)],
            metrics={
                "steps": adapter.step,
                "listings": adapter.listings,
                "left_out": adapter.listings - len(adapter.kept),
                "replayed": len(adapter.rows) - adapter.listings,
                "ratio": ratio,
                "by_ratio": {
                    str(one): {name: round(value, 4) for name, value in found.items()}
                    for one, found in figures.items()
                },
            },
        )

    def figures(self, model: Any) -> Figures:
        """Average precision on held-back listings and on decisions, and what was retained."""
        adapter, found = self.adapter, {}
        if len(self.listings):
            found["made"] = average_precision(*self.listings.judged(adapter, model))
        if len(set(self.validation.labels.tolist())) == 2:
            image = adapter.vectors(model, self.validation_pixels)
            text = adapter.text_vectors(model, self.validation.texts)
            found["decided"] = average_precision(self.validation.labels, (image * text).sum(axis=1))
        found["judged"] = float(np.mean([*found.values()] or [0.0]))
        if self.replay:
            found["replayed"] = roc_auc(*self.replay.judged(adapter, model))
        if self.made_up:
            found["retained"] = self.made_up.retained(model)
        return found


class MadePairs:
    """Held-back true pairs, each with a made mismatch."""

    def __init__(self, rows: Rows, *, seed: int) -> None:
        import torch

        made = held_out_pairs(Negatives(rows), seed=seed) if len(rows) else []
        self.rows = [row for row, _text, _label, _kind in made]
        self.texts = [text for _row, text, _label, _kind in made]
        self.labels = [label for _row, _text, label, _kind in made]
        self.pixels = torch.from_numpy(rows.pixels)

    def __len__(self) -> int:
        return len(self.rows)

    def judged(self, adapter: Adapter, model: Any) -> tuple[list[int], np.ndarray]:
        """The labels and this model's cosines [m]."""
        image = adapter.vectors(model, self.pixels)[self.rows]
        return self.labels, (image * adapter.text_vectors(model, self.texts)).sum(axis=1)


class MadeUp:
    """500 made-up pictures and texts, and what the base answers to them."""

    def __init__(self, adapter: Adapter) -> None:
        import torch

        self.adapter = adapter
        rng = np.random.default_rng(adapter.settings.seed)
        generator = torch.Generator().manual_seed(adapter.settings.seed)
        rows = torch.from_numpy(rng.integers(0, len(adapter.rows), size=_ASKED))
        self.pictures = made_up_pictures(
            adapter.pixels[rows].to(adapter.device),
            size=adapter.settings.image_size, rng=rng, generator=generator,
        )  # fmt: skip
        self.texts = made_up_texts(adapter.words, count=_ASKED, rng=rng)
        self.before = self._cosines(adapter.base)

    def retained(self, model: Any) -> float:
        """Correlation of this model's cosines with the base's."""
        now = self._cosines(model)
        return float(np.corrcoef(self.before.ravel(), now.ravel())[0, 1])

    def _cosines(self, model: Any) -> np.ndarray:
        """Of each picture with each text [500, 500]."""
        import torch

        with torch.inference_mode():
            image = torch.nn.functional.normalize(
                encode_images(model, self.adapter.normalised(self.pictures)), dim=-1
            )
        return image.float().cpu().numpy() @ self.adapter.text_vectors(model, self.texts).T


def mixed(base: Any, adapted: Any, ratio: float) -> Any:
    """A model with weights base + ratio * (adapted - base)."""
    import torch

    model = deepcopy(base)
    with torch.no_grad():
        torch._foreach_lerp_([*model.parameters()], [*adapted.parameters()], ratio)
    return model


def chosen_ratio(figures: dict[float, Figures]) -> float:
    """The best judged of the ratios that forget little; the smaller of two that are as good."""
    allowed = [ratio for ratio, found in figures.items() if _retains(found, figures[0.0])]
    return max(allowed, key=lambda ratio: (figures[ratio]["judged"], -ratio))


def _retains(found: Figures, base: Figures) -> bool:
    if "replayed" in found:
        return found["replayed"] >= base["replayed"] - FORGOTTEN
    return found["retained"] >= RETAINED


def _tensors(model: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().float().cpu() for name, weight in model.named_parameters()}


def _reason(ratio: float, figures: dict[float, Figures]) -> str:
    if not ratio:
        return "Adapting made the held-back listings and decisions no better: the base stays."
    before, after = figures[0.0], figures[ratio]
    if "replayed" in after:
        kept = f"ROC-AUC on replayed pairs {before['replayed']:.3f} and {after['replayed']:.3f}."
    else:
        kept = f"{after['retained']:.0%} of the base's answers to made-up inputs are retained."
    return (
        f"The weights go {ratio:.0%} of the way to the adapted ones: average precision on what was "
        f"held back {before['judged']:.3f} before, {after['judged']:.3f} after; {kept}"
    )
