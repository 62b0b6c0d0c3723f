"""How far from the base's weights an adaptation goes: judged on the holdout.

WiSE-FT (Wortsman et al. 2022) lies between forgetting and not learning. What speaks for going
further are the shop's held-out listings with made-up mismatches and its decisions, weighed by
`evidence`. What speaks against it is forgetting: on replayed pairs where there are some, else on
made-up inputs (retain.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from moderation.clip.data.held_out import made_pairs
from moderation.clip.data.product_rows import Pairs, Rows
from moderation.clip.finetune.adaptation.evidence import MADE_UP, Evidence, judged
from moderation.clip.finetune.adaptation.retain import made_up_pictures, made_up_texts
from moderation.clip.finetune.adaptation.rows import Decided, PictureReader
from moderation.clip.finetune.adaptation.task import Adaptation
from moderation.clip.finetune.data import LabelledPairs
from moderation.clip.finetune.step import Tuned
from moderation.clip.statistics.metrics import roc_auc
from moderation.clip.training.model_parts import encode_images, unit
from moderation.clip.training.progress import Report, Update
from moderation.clip.training.weights import Weights, mixed, put

# Least correlation of the answers to made-up inputs with the base's. Models of three new shops
# (benchmarks/new_shop) lost 0.03 AUC on the other domains between 0.974 and 0.988 of it.
RETAINED = 0.985
# Most that the ROC-AUC on held-out replayed pairs may fall.
FORGOTTEN = 0.015
_ASKED = 500  # made-up pictures and texts that a model is asked about
RATIOS = tuple(step / 20 for step in range(0, 21, 2))

Figures = dict[str, float]


class AdaptationJudge:
    """What a mixture of base and adapted weights is judged by."""

    def __init__(
        self,
        task: Adaptation,
        held: Rows,
        validation: LabelledPairs,
        *,
        replay: Rows | None,
        reader: PictureReader,
        tell: Callable[[float], None],
    ) -> None:
        """`tell` gets the share of the validation part's pictures that are read."""
        self.task, seed = task, task.settings.seed
        self.listings = made_pairs(held, seed=seed)
        self.replay = made_pairs(replay, seed=seed) if replay else None
        self.made_up = None if self.replay else MadeUp(task)
        self.decided = reader.decided(validation, tell=tell)

    def choose(self, *, steps: int, tell: Report) -> Tuned:
        """The ratio of base to adapted weights that is judged best and retains enough."""
        task, model = self.task, deepcopy(self.task.base)
        base, adapted = dict(task.base.named_parameters()), dict(task.average.named_parameters())
        seen: dict[float, _Seen] = {}
        for number, ratio in enumerate(RATIOS):
            tell(Update("Choosing how far to go", 0.9 + 0.1 * number / len(RATIOS)))
            put(dict(model.named_parameters()), mixed(base, adapted, ratio))
            seen[ratio] = self._see(model)
        figures = self._figures(seen)
        ratio = chosen_ratio(figures)
        return Tuned(
            tensors=_tensors(mixed(base, adapted, ratio)) if ratio else {},
            last=_tensors(adapted),
            reasons=[_reason(ratio, figures)],
            metrics={
                "steps": steps,
                "listings": task.listings,
                "left_out": task.listings - len(task.kept),
                "replayed": len(task.rows) - task.listings,
                "ratio": ratio,
                "by_ratio": {
                    str(one): {name: round(value, 4) for name, value in found.items()}
                    for one, found in figures.items()
                },
            },
        )

    def _see(self, model: Any) -> _Seen:
        """The cosines of a mixture, and what it retained."""
        retained: Figures = {}
        if self.replay:
            retained["replayed"] = roc_auc(self.replay.labels, self._cosines(model, self.replay))
        if self.made_up:
            retained["retained"] = self.made_up.retained(model)
        return _Seen(
            self._cosines(model, self.listings), self._cosines(model, self.decided), retained
        )

    def _figures(self, seen: Mapping[float, _Seen]) -> dict[float, Figures]:
        """By ratio: average precision on held-out listings, on decisions and on both together, and
        what was retained."""
        made = Evidence(
            self.listings.labels, {ratio: one.made for ratio, one in seen.items()}, MADE_UP
        )
        decided = Evidence(self.decided.labels, {ratio: one.decided for ratio, one in seen.items()})
        together = judged((made, decided), ratios=list(seen), seed=self.task.settings.seed)
        named = {"made": made, "decided": decided}
        return {
            ratio: {name: one.precision(ratio) for name, one in named.items() if one.tells}
            | {"judged": together[ratio]}
            | seen[ratio].retained
            for ratio in seen
        }

    def _cosines(self, model: Any, pairs: Pairs | Decided) -> np.ndarray:
        """Of each pair [m]."""
        import torch

        if not len(pairs):
            return np.zeros(0)
        image = self.task.vectors(model, torch.from_numpy(pairs.pixels))
        if isinstance(pairs, Pairs):
            image = image[pairs.image]
        return (image * self.task.text_vectors(model, pairs.texts)).sum(axis=1)


@dataclass(frozen=True)
class _Seen:
    """What one mixture made of the holdouts: cosines of listings [n] and of decisions [m]."""

    made: np.ndarray
    decided: np.ndarray
    retained: Figures


class MadeUp:
    """500 made-up pictures and texts, and what the base answers to them."""

    def __init__(self, task: Adaptation) -> None:
        import torch

        self.task = task
        rng = np.random.default_rng(task.settings.seed)
        generator = torch.Generator().manual_seed(task.settings.seed)
        rows = torch.from_numpy(rng.integers(0, len(task.rows), size=_ASKED))
        self.pictures = made_up_pictures(
            task.pixels[rows].to(task.device),
            size=task.settings.image_size, rng=rng, generator=generator,
        )  # fmt: skip
        self.texts = made_up_texts(task.words, count=_ASKED, rng=rng)
        self.before = self._cosines(task.base)

    def retained(self, model: Any) -> float:
        """Correlation of this model's cosines with the base's."""
        now = self._cosines(model)
        return float(np.corrcoef(self.before.ravel(), now.ravel())[0, 1])

    def _cosines(self, model: Any) -> np.ndarray:
        """Of each picture with each text [500, 500]."""
        import torch

        with torch.inference_mode():
            image = unit(encode_images(model, self.task.normalised(self.pictures)))
        return image.cpu().numpy() @ self.task.text_vectors(model, self.texts).T


def chosen_ratio(figures: Mapping[float, Figures]) -> float:
    """The best judged of the ratios that forget little; the smaller of two that are as good."""

    def forgets_little(found: Figures) -> bool:
        if "replayed" in found:
            return found["replayed"] >= figures[0.0]["replayed"] - FORGOTTEN
        return found.get("retained", 1.0) >= RETAINED

    allowed = [ratio for ratio, found in figures.items() if forgets_little(found)]
    return max(allowed, key=lambda ratio: (figures[ratio]["judged"], -ratio))


def _tensors(weights: Weights) -> Weights:
    return {name: weight.detach().float().cpu() for name, weight in weights.items()}


def _reason(ratio: float, figures: Mapping[float, Figures]) -> str:
    if not ratio:
        return "Adapting made the held-out listings and decisions no better: the base stays."
    before, after = figures[0.0], figures[ratio]
    if "replayed" in after:
        kept = f"ROC-AUC on replayed pairs {before['replayed']:.3f} and {after['replayed']:.3f}."
    else:
        kept = f"{after['retained']:.0%} of the base's answers to made-up inputs are retained."
    return (
        f"The weights go {ratio:.0%} of the way to the adapted ones: average precision on what was "
        f"held out {before['judged']:.3f} before, {after['judged']:.3f} after; {kept}"
    )
