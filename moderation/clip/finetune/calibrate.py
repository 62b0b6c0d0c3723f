"""The end of every mode: probabilities and a threshold for the new model, and how it compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip.checkpoints import checkpoint
from moderation.clip.finetune.carry_over import (
    SAMPLE,
    platt_carried_over,
    threshold_of_same_share,
)
from moderation.clip.finetune.data import FinetuneData, LabelledPairs, together
from moderation.clip.finetune.features import Remembered, Vectors, opens
from moderation.clip.finetune.fingerprint import fingerprint
from moderation.clip.finetune.maps import cosines
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.finetune.step import Tuned, encoder_vectors
from moderation.clip.statistics.calibration import Calibration, PlattScaling
from moderation.clip.statistics.calibration_choice import fit_calibration
from moderation.clip.statistics.metrics import average_precision, roc_auc
from moderation.clip.statistics.weights import flattened
from moderation.clip.training.progress import Report, Update

Scores = tuple[np.ndarray, np.ndarray]  # [m] before and after

LEAST = 20  # labels of either kind in the calibration part, to fit a curve
MIN_LISTINGS = 100


@dataclass(frozen=True)
class NewModel:
    """A model that was made from `base`, to be calibrated on this data.

    `vectors` are the base's. The calibration part is scored by the base and by the new model, and
    nothing was chosen on it; where the weights are the base's, they were chosen on no part.
    """

    base: Path
    data: FinetuneData
    settings: FinetuneSettings
    tuned: Tuned
    vectors: Vectors
    tell: Report

    def about(
        self, folder: Path, *, mode: str, reasons: list[str], metrics: dict[str, Any]
    ) -> dict[str, Any]:
        """What clipmod.json says of the model, whose weights are in `folder` by now."""
        data, settings, same_weights = self.data, self.settings, not self.tuned.tensors
        part = self._unseen() if same_weights else data.calibration
        scored = self._scorer(folder)
        before, after = scored(part.images, part.texts)
        shop = scored(*_shop(data))
        # Decisions tell the shop's own share of mismatches, also where none was drawn by lot.
        prior = None if data.decided else settings.prior
        calibration = _calibration(self._base(), part, after, shop, prior=prior)
        if calibration.prior is not None:
            calibration = replace(calibration, prevalence=settings.prevalence)
        sha = checkpoint.weights_sha256(self.base)
        figures = {"base": _figures(part, before), "new": _figures(part, after)}
        about = {
            "name": settings.name or f"{self.base.name}-{mode}",
            "threshold": threshold_of_same_share(self._threshold(), before=shop[0], after=shop[1]),
            "platt": {"a": calibration.platt.a, "b": calibration.platt.b},
            "calibration": calibration.as_json(),
            "metrics": {"calibration_part": figures, **metrics},
            "trained": {
                "mode": mode,
                "weights_by": self._weights_by() if same_weights else mode,
                "reasons": reasons,
                "base_weights_sha256": sha,
                "settings": asdict(settings),
                "data_sha256": fingerprint(data),
                "labels": _counts(data),
                "listings": len(data.listings) if data.listings is not None else 0,
            },
        }
        if self.tuned.same_towers:
            # A base that was itself made so has its vectors from the same towers.
            about["vision_of"] = checkpoint.read_about(self.base).get("vision_of", sha)
        return about

    def _scorer(self, folder: Path) -> Callable[[list[Path], list[str]], Scores]:
        """Scores pairs by the base and by the new model."""
        same, maps = self.tuned.same_towers, self.tuned.maps
        known = Remembered(self.vectors, tell=self._telling(0.0))
        new = Remembered(encoder_vectors(folder, self.settings), tell=self._telling(0.5))

        def scored(images: list[Path], texts: list[str]) -> Scores:
            pair = _vectors(known, images, texts)
            before = (pair[0] * pair[1]).sum(axis=1)
            if same:
                return before, before if maps is None else cosines(maps, *pair)
            image, text = _vectors(new, images, texts)
            return before, (image * text).sum(axis=1)

        return scored

    def _telling(self, start: float) -> Callable[[str, float], None]:
        return lambda _doing, done: self.tell(Update("Calibrating", start + done / 2))

    def _unseen(self) -> LabelledPairs:
        """What the base's weights have not learned from: all decisions, if they never learned from
        any. The decisions of a base that was trained on earlier ones are among those of today."""
        data = self.data
        if self._weights_by():
            return data.calibration
        return together([data.train, data.validation, data.calibration])

    def _weights_by(self) -> str:
        """By which mode the base's weights were trained on decisions; empty where they never
        were."""
        return str(checkpoint.read_about(self.base).get("trained", {}).get("weights_by", ""))

    def _threshold(self) -> float:
        """The base's: the one in use, else its folder's."""
        if self.settings.threshold is not None:
            return self.settings.threshold
        return checkpoint.threshold(self.base)

    def _base(self) -> Calibration | None:
        """The base's curve, without what goes beyond Platt's: the one in use, else its folder's."""
        if self.settings.platt is not None:
            return Calibration(PlattScaling(*self.settings.platt), prior=self.settings.platt_prior)
        about = checkpoint.read_about(self.base)
        if not about.get("platt"):
            return None
        found = Calibration.from_json({**about.get("calibration", {}), "platt": about["platt"]})
        return Calibration(found.platt, prior=found.prior)


def _shop(data: FinetuneData) -> tuple[list[Path], list[str]]:
    """Pairs like the catalogue's: some listings, or all decided pairs where there are few.

    Decided pairs alone would tell a wrong threshold: what the queue handed out is suspicious.
    """
    listings = data.listings
    if listings is not None and len(listings) >= MIN_LISTINGS:
        order = np.random.default_rng(0).permutation(len(listings))[:SAMPLE]
        chosen = [i for i in order if opens(listings.images[i])]
        return [listings.images[i] for i in chosen], [listings.texts[i] for i in chosen]
    parts = (data.train, data.validation, data.calibration)
    return [p for part in parts for p in part.images], [t for part in parts for t in part.texts]


def _calibration(
    previous: Calibration | None,
    part: LabelledPairs,
    after: np.ndarray,
    shop: Scores,
    *,
    prior: float | None,
) -> Calibration:
    """Fitted to the calibration part, or carried over from the base where its labels are few.

    `prior` is presumed where neither the part nor its weights tell the shop's share of mismatches.
    """
    counts = [int((part.labels == label).sum()) for label in (0, 1)]
    if previous and min(counts) < LEAST:
        why = f"Carried over from the base: {counts[0]} mismatches and {counts[1]} matches are few."
        platt = platt_carried_over(previous.platt, before=shop[0], after=shop[1])
        return Calibration(platt, fitted={"why": why}, prior=previous.prior)
    # Where audited items weigh more than others, the weights tell the shop's share of mismatches.
    weighted = len(set(part.weights.tolist())) > 1
    return fit_calibration(
        after,
        part.labels,
        weights=flattened(part.weights),
        categories=part.categories if any(part.categories) else None,
        prior=None if weighted else prior,
    )


def _counts(data: FinetuneData) -> dict[str, dict[str, int]]:
    parts = {"train": data.train, "validation": data.validation, "calibration": data.calibration}
    return {
        name: {"matches": int(part.labels.sum()), "mismatches": int((part.labels == 0).sum())}
        for name, part in parts.items()
    }


def _vectors(
    vectors: Vectors, images: list[Path], texts: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [m, d] of pictures and texts, float64."""
    return vectors.images(images).astype(np.float64), vectors.texts(texts).astype(np.float64)


def _figures(part: LabelledPairs, scores: np.ndarray) -> dict[str, float]:
    return {
        "auc": round(roc_auc(part.labels, scores), 4),
        "ap": round(average_precision(part.labels, scores), 4),
    }
