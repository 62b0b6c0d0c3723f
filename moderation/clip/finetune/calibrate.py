"""The end of every mode: probabilities and a threshold for the new model, and how it compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.checkpoints import checkpoint
from moderation.clip.finetune.carry_over import (
    SAMPLE,
    platt_carried_over,
    threshold_of_same_share,
)
from moderation.clip.finetune.data import FinetuneData, LabelledPairs, together
from moderation.clip.finetune.features import EncoderVectors, Remembered, Vectors, opens
from moderation.clip.finetune.fingerprint import fingerprint
from moderation.clip.finetune.maps import cosines
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.scoring import DEFAULT_THRESHOLD
from moderation.clip.statistics.calibration import Calibration, PlattScaling
from moderation.clip.statistics.calibration_choice import fit_calibration
from moderation.clip.statistics.metrics import average_precision, roc_auc
from moderation.clip.statistics.weights import flattened
from moderation.clip.training.progress import Update

if TYPE_CHECKING:
    import torch

LEAST = 20  # labels of either kind in the calibration part, to fit a curve
MIN_LISTINGS = 100


def calibrated(
    folder: Path,
    base: Path,
    data: FinetuneData,
    *,
    settings: FinetuneSettings,
    mode: str,
    reasons: list[str],
    same_weights: bool,
    same_towers: bool,
    vectors: Vectors,
    maps: Mapping[str, torch.Tensor] | None,
    metrics: dict[str, Any],
    tell: Callable[[Update], None],
) -> dict[str, Any]:
    """What clipmod.json says of the model in `folder`, which was made from `base`.

    The calibration part is scored by the base, whose vectors `vectors` gives, and by the new model;
    nothing was chosen on it. Where the weights are the base's, they were not chosen on any part.
    `maps` are those of mode head, where the towers are the base's.
    """
    part = _unseen(base, data) if same_weights else data.calibration
    known = Remembered(vectors, tell=lambda _doing, done: tell(Update("Calibrating", 0.5 * done)))
    new = known
    if not same_towers:
        encoder = EncoderVectors(folder, device=settings.device, precision=settings.precision)
        new = Remembered(encoder, tell=lambda _d, done: tell(Update("Calibrating", 0.5 + done / 2)))

    def scored(images: list[Path], texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        before, pair = _scores(known, images, texts)
        if not same_towers:
            return before, _scores(new, images, texts)[0]
        return before, before if maps is None else cosines(maps, *pair)

    before, after = scored(part.images, part.texts)
    shop = scored(*_shop(data))
    threshold = _threshold(base, settings)
    calibration = _calibration(_platt(base, settings), part, after, shop, prior=settings.prior)
    sha = checkpoint.weights_sha256(base)
    # A base that was itself made so has its vectors from the same towers.
    origin = {"vision_of": checkpoint.read_about(base).get("vision_of", sha)}
    figures = {"base": _figures(part, before), "new": _figures(part, after)}
    return {
        "name": settings.name or f"{base.name}-{mode}",
        "threshold": threshold_of_same_share(threshold, before=shop[0], after=shop[1]),
        "platt": {"a": calibration.platt.a, "b": calibration.platt.b},
        "calibration": calibration.as_json(),
        "metrics": {"calibration_part": figures, **metrics},
        "trained": {
            "mode": mode,
            "weights_by": _weights_by(base) if same_weights else mode,
            "reasons": reasons,
            "base_weights_sha256": sha,
            "settings": asdict(settings),
            "data_sha256": fingerprint(data),
            "labels": _counts(data),
            "listings": len(data.listings) if data.listings is not None else 0,
        },
        **(origin if same_towers else {}),
    }


def _unseen(base: Path, data: FinetuneData) -> LabelledPairs:
    """What the base's weights have not learned from: all decisions, if they never learned from any.

    The decisions of a base that was trained on earlier ones are among those of today.
    """
    if _weights_by(base):
        return data.calibration
    return together([data.train, data.validation, data.calibration])


def _weights_by(base: Path) -> str:
    """By which mode the base's weights were trained on decisions; empty where they never were."""
    return str(checkpoint.read_about(base).get("trained", {}).get("weights_by", ""))


def _threshold(base: Path, settings: FinetuneSettings) -> float:
    """The base's threshold: the one in use, else its folder's, else that of the OpenAI models."""
    if settings.threshold is not None:
        return settings.threshold
    return float(checkpoint.read_about(base).get("threshold", DEFAULT_THRESHOLD))


def _platt(base: Path, settings: FinetuneSettings) -> PlattScaling | None:
    """The base's curve: the one in use, else its folder's."""
    if settings.platt is not None:
        return PlattScaling(*settings.platt)
    found = checkpoint.read_about(base).get("platt")
    return PlattScaling(a=found["a"], b=found["b"]) if found else None


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
    former: PlattScaling | None,
    part: LabelledPairs,
    after: np.ndarray,
    shop: tuple[np.ndarray, np.ndarray],
    *,
    prior: float,
) -> Calibration:
    """Fitted to the calibration part, or carried over from the base where its labels are few."""
    counts = [int((part.labels == label).sum()) for label in (0, 1)]
    if former and min(counts) < LEAST:
        why = f"Carried over from the base: {counts[0]} mismatches and {counts[1]} matches are few."
        return Calibration(
            platt_carried_over(former, before=shop[0], after=shop[1]), fitted={"why": why}
        )
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


def _scores(
    vectors: Remembered, images: list[Path], texts: list[str]
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Cosines [m], and the vectors [m, d] of pictures and texts that they come from."""
    image, text = vectors.images(images).astype(np.float64), vectors.texts(texts).astype(np.float64)
    return (image * text).sum(axis=1), (image, text)


def _figures(part: LabelledPairs, scores: np.ndarray) -> dict[str, float]:
    return {
        "auc": round(roc_auc(part.labels, scores), 4),
        "ap": round(average_precision(part.labels, scores), 4),
    }
