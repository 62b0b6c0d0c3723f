"""Which calibration the labels at hand support: chosen on held-out labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .calibration import Calibration, PlattScaling
from .category_offsets import fit_offsets
from .isotonic import fit_isotonic
from .platt import fit_platt
from .weights import effective_size, scaled

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ISOTONIC_FROM = 1000  # below, a free curve fits chance (Niculescu-Mizil and Caruana 2005)
FOLDS = 5


@dataclass(frozen=True)
class _Sample:
    """n labelled pairs. Weights sum to the effective number of labels, the prior included."""

    similarities: np.ndarray
    matches: np.ndarray
    weights: np.ndarray
    categories: np.ndarray

    def __len__(self) -> int:
        return len(self.matches)

    def take(self, index: np.ndarray) -> _Sample:
        return _Sample(
            self.similarities[index],
            self.matches[index],
            self.weights[index],
            self.categories[index],
        )


@dataclass(frozen=True)
class _Shape:
    name: str
    isotonic: bool = False
    offsets: bool = False


PLATT = _Shape("platt")


def fit_calibration(
    similarities: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    categories: Sequence[str] | None = None,
    prior: float | None = None,
) -> Calibration:
    """The calibration for these labels (1 match, 0 mismatch); `fitted` says which, and why.

    Platt's curve, unless an isotonic one (from `ISOTONIC_FROM` labels on) or category offsets do
    clearly better on held-out labels. `weights` and `prior` as in `fit_platt`. Where higher
    similarities are not rarer mismatches, the curve is flat: the share of mismatches. Raises
    ValueError when a class is missing.
    """
    sample = _sample(
        np.asarray(similarities, dtype=np.float64),
        np.asarray(labels).astype(bool),
        weights,
        categories,
        prior,
    )
    candidates = [PLATT]
    if categories is not None and any(categories):
        candidates.append(_Shape("platt with category offsets", offsets=True))
    if len(sample) >= ISOTONIC_FROM:
        candidates.append(_Shape("isotonic", isotonic=True))
        if len(candidates) == 3:
            candidates.append(_Shape("isotonic with category offsets", True, True))
    chosen, why, losses = _best(sample, candidates)
    fitted: dict[str, Any] = {
        "chosen": chosen.name,
        "why": why,
        "labels": len(sample),
        "mismatches": int((~sample.matches).sum()),
        "effective_labels": round(effective_size(sample.weights), 1),
        "log_loss": {name: round(loss, 5) for name, loss in losses.items()},
    }
    found = _fit(sample, chosen)
    return replace(found, fitted={**fitted, **found.fitted}, prior=prior)


def _sample(
    similarities: np.ndarray,
    matches: np.ndarray,
    weights: ArrayLike | None,
    categories: Sequence[str] | None,
    prior: float | None,
) -> _Sample:
    count = len(matches)
    names = [""] * count if categories is None else list(categories)
    if similarities.shape != (count,) or len(names) != count:
        raise ValueError("Similarities, labels and categories must be lists of the same length.")
    if matches.all() or not matches.any():
        raise ValueError("Calibration needs at least one match and one mismatch.")
    weight = scaled(weights, count)
    if prior is not None:
        bad = weight[~matches].sum() / weight.sum()
        weight = scaled(weight * np.where(matches, (1 - prior) / (1 - bad), prior / bad), count)
    return _Sample(similarities, matches, weight, np.array(names, dtype=object))


def _fit(sample: _Sample, shape: _Shape) -> Calibration:
    platt = fit_platt(sample.similarities, sample.matches, weights=sample.weights)
    wrong = (~sample.matches).astype(np.float64)
    if platt.a >= 0:
        share = float(sample.weights @ wrong / sample.weights.sum())
        flat = PlattScaling(0.0, float(np.log(share / (1 - share))))
        return Calibration(flat, fitted={"flat": "higher similarities are not rarer mismatches"})
    knots: list[tuple[float, float]] = []
    if shape.isotonic:
        curve = fit_isotonic(sample.similarities, wrong, sample.weights)
        knots = [(at, float(np.log(p / (1 - p)))) for at, p in curve]
    found = Calibration(platt, knots)
    if not shape.offsets:
        return found
    logits = np.array([found.logit(float(s)) for s in sample.similarities])
    offsets, spread = fit_offsets(logits, wrong, sample.weights, list(sample.categories))
    return replace(found, offsets=offsets, fitted={"offset_spread": round(spread, 4)})


def _best(sample: _Sample, candidates: Sequence[_Shape]) -> tuple[_Shape, str, dict[str, float]]:
    """The first shape, unless another loses less on left-out labels by over a standard error."""
    rarer = min(int(sample.matches.sum()), int((~sample.matches).sum()))
    if len(candidates) == 1:
        few = f"an isotonic curve needs {ISOTONIC_FROM:,} labels"
        return PLATT, f"Platt's curve: {few}, there are {len(sample):,}.", {}
    if rarer < 2 * FOLDS:
        few = f"other shapes need {2 * FOLDS} labels of each kind to be compared"
        return PLATT, f"Platt's curve: {few}, of one there are {rarer}.", {}
    losses = {shape.name: _left_out_loss(sample, shape) for shape in candidates}
    share = sample.weights / sample.weights.sum()
    means = {name: float(share @ loss) for name, loss in losses.items()}
    best = PLATT
    for shape in candidates[1:]:
        gain = losses[best.name] - losses[shape.name]
        error = float(np.sqrt(share**2 @ (gain - share @ gain) ** 2))
        if float(share @ gain) > error:
            best = shape
    if best == PLATT:
        why = "Platt's curve: nothing else did clearly better on left-out labels (log loss)."
    else:
        why = (
            f"On left-out labels the log loss is {means[best.name]:.4f}, with Platt's curve "
            f"alone {means[PLATT.name]:.4f}: better by more than a standard error."
        )
    return best, why, means


def left_out(
    similarities: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    categories: Sequence[str] | None = None,
) -> np.ndarray:
    """P(mismatch) [n] of each label by Platt's curve fitted to the others, as `fit_calibration`.

    With fewer than `FOLDS` labels of a class it may raise ValueError.
    """
    found = np.asarray(similarities, dtype=np.float64)
    sample = _sample(found, np.asarray(labels).astype(bool), weights, categories, None)
    return _left_out(sample, PLATT)


def _left_out_loss(sample: _Sample, shape: _Shape) -> np.ndarray:
    """Log loss [n] of each label under the fit to the folds it is not in."""
    p = _left_out(sample, shape)
    return np.asarray(-np.log(np.maximum(np.where(sample.matches, 1 - p, p), 1e-12)))


def _left_out(sample: _Sample, shape: _Shape) -> np.ndarray:
    """P(mismatch) [n] of each label under the fit to the folds it is not in; always the same."""
    random = np.random.default_rng(0)
    fold = np.zeros(len(sample), dtype=int)
    for part in (sample.matches, ~sample.matches):  # every fold has its share of both kinds
        fold[part] = random.permutation(int(part.sum())) % FOLDS
    p = np.zeros(len(sample))
    for number in range(FOLDS):
        found = _fit(sample.take(fold != number), shape)
        for index in np.flatnonzero(fold == number):
            at, category = float(sample.similarities[index]), sample.categories[index]
            p[index] = found.p_mismatch(at, category)
    return p
