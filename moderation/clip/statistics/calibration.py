"""From a similarity to the probability of a mismatch, and to a threshold with a known cost."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class PlattScaling:
    """P(mismatch) = sigmoid(a * similarity + b) (Platt 1999). `a` is negative for a sane model."""

    a: float
    b: float

    def p_mismatch(self, similarity: float) -> float:
        """Probability from 0 to 1 that a pair of this similarity is a mismatch."""
        return _sigmoid(self.a * similarity + self.b)


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


@dataclass(frozen=True)
class Calibration:
    """P(mismatch) of one model version: a curve over the similarity, moved by category.

    The curve is Platt's or, with `knots` (similarity rises, logit falls), straight between them
    and of Platt's slope beyond. `offsets` add to the logit, by category in lower case; `fitted`
    tells what it was fitted on. A higher similarity never has a higher P.
    """

    platt: PlattScaling
    knots: Sequence[Sequence[float]] = ()
    offsets: Mapping[str, float] = field(default_factory=dict)
    fitted: Mapping[str, Any] = field(default_factory=dict)

    def p_mismatch(self, similarity: float, category: str | None = None) -> float:
        """Probability from 0 to 1 that a pair of this similarity is a mismatch."""
        return _sigmoid(self.logit(similarity) + self.offset(category))

    def offset(self, category: str | None) -> float:
        """What the category adds to the logit; 0 for one that is unknown, or none."""
        return self.offsets.get(category.lower(), 0.0) if category and self.offsets else 0.0

    def logit(self, similarity: float) -> float:
        """The common curve: the log odds of a mismatch where no category moves them."""
        if not self.knots:
            return self.platt.a * similarity + self.platt.b
        after = bisect.bisect(self.knots, similarity, key=lambda knot: knot[0])
        if after in (0, len(self.knots)):
            at, logit = self.knots[max(after - 1, 0)]
            return logit + self.platt.a * (similarity - at)
        (x0, y0), (x1, y1) = self.knots[after - 1 : after + 1]
        return y0 + (y1 - y0) * (similarity - x0) / (x1 - x0)

    def threshold_in(self, category: str | None, threshold: float) -> float:
        """The threshold of a category at which the same P flags as `threshold` does elsewhere."""
        return self._at(threshold, -self.offset(category))

    def as_elsewhere(self, similarity: float, category: str | None) -> float:
        """The similarity that has, without a category, the P of this one within its category.

        The other way round than `threshold_in`: this is below a threshold just where the
        similarity is below the category's.
        """
        return self._at(similarity, self.offset(category))

    def _at(self, similarity: float, more: float) -> float:
        """Where the common curve is higher by `more` than at this similarity."""
        if not more or self.platt.a >= 0:
            return similarity
        if not self.knots:
            return similarity + more / self.platt.a
        wanted = self.logit(similarity) + more
        after = bisect.bisect(self.knots, -wanted, key=lambda knot: -knot[1])
        if after in (0, len(self.knots)):
            at, logit = self.knots[max(after - 1, 0)]
            return at + (wanted - logit) / self.platt.a
        (x0, y0), (x1, y1) = self.knots[after - 1 : after + 1]
        return x0 + (x1 - x0) * (wanted - y0) / (y1 - y0)

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads; only what there is."""
        found: dict[str, Any] = {"platt": {"a": self.platt.a, "b": self.platt.b}}
        if self.knots:
            found["knots"] = [list(knot) for knot in self.knots]
        if self.offsets:
            found["offsets"] = dict(self.offsets)
        return found | ({"fitted": dict(self.fitted)} if self.fitted else {})

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Calibration:
        """Raises ValueError where it is no calibration, or one whose curve rises."""
        try:
            platt = PlattScaling(float(found["platt"]["a"]), float(found["platt"]["b"]))
            knots = [(float(at), float(logit)) for at, logit in found.get("knots", ())]
            offsets = {str(name): float(by) for name, by in found.get("offsets", {}).items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError("This is no calibration: it needs platt with a and b.") from error
        numbers = [platt.a, platt.b, *offsets.values(), *(x for knot in knots for x in knot)]
        if not all(map(math.isfinite, numbers)):
            raise ValueError("This is no calibration: its numbers must be finite.")
        if any(x0 >= x1 or y0 <= y1 for (x0, y0), (x1, y1) in pairwise(knots)):
            raise ValueError("This is no calibration: its knots must rise and their logits fall.")
        return cls(platt, knots, offsets, found.get("fitted", {}))


def fit_platt(
    similarities: ArrayLike,
    labels: ArrayLike,
    *,
    prior: float | None = None,
    weights: ArrayLike | None = None,
) -> PlattScaling:
    """Fit on labelled pairs (1 match, 0 mismatch) by logistic regression.

    `prior` is the share of mismatches where the model will be used: classes are weighted so that
    the labelled pairs have that share (None: as they come). `weights` are those of the pairs,
    such as 1 / sampling probability; only their ratios count. Targets are Platt's smoothed ones,
    so a perfect separation gives finite values. Raises ValueError when a class is missing.
    """
    similarity = np.asarray(similarities, dtype=np.float64)
    wrong = ~np.asarray(labels).astype(bool)
    if similarity.shape != wrong.shape or similarity.ndim != 1:
        raise ValueError("Similarities and labels must be two lists of the same length.")
    weight = scaled(weights, len(wrong))
    if wrong.all() or not wrong.any():
        raise ValueError("Calibration needs at least one match and one mismatch.")
    bad, good = float(weight[wrong].sum()), float(weight[~wrong].sum())
    target = np.where(wrong, (bad + 1) / (bad + 2), 1 / (good + 2))
    if prior is not None:
        weight = weight * np.where(wrong, prior / bad, (1 - prior) / good) * (bad + good)
    return PlattScaling(*_newton(similarity, target, weight))


def scaled(weights: ArrayLike | None, count: int) -> np.ndarray:
    """The weights [count], scaled to sum to the effective number of labels (Kish 1965).

    So a few labels of great weight are not taken for many labels. Raises ValueError.
    """
    if weights is None:
        return np.ones(count)
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (count,) or not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError("Each label needs a weight, a finite number above 0.")
    return np.asarray(weight * weight.sum() / (weight**2).sum()) if count else weight


def flattened(weights: ArrayLike) -> np.ndarray:
    """The roots of 1 / probability weights, for fitting (Shimodaira 2000).

    What is judged depends on the similarity, which the curve knows: whole weights would only
    throw most of the flagged labels away for the few that were drawn by lot, none at all would
    trust the curve's shape too far.
    """
    return np.sqrt(np.asarray(weights, dtype=np.float64))


def _newton(x: np.ndarray, target: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Weighted logistic regression on one standardised feature, with halved steps where needed."""
    centre, spread = float(x.mean()), float(x.std()) or 1.0
    design = np.stack([(x - centre) / spread, np.ones_like(x)], axis=1)  # [n, 2]

    def loss(theta: np.ndarray) -> float:
        z = design @ theta
        return float(weight @ (np.logaddexp(0, z) - target * z))

    theta = np.zeros(2)
    for _step in range(100):
        p = 1 / (1 + np.exp(-(design @ theta)))
        gradient = design.T @ (weight * (p - target))
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(2)
        move = np.linalg.solve(hessian, gradient)
        while loss(theta - move) > loss(theta) and np.abs(move).max() > 1e-12:
            move /= 2
        theta = theta - move
        if np.abs(move).max() < 1e-9:
            break
    a = theta[0] / spread
    return float(a), float(theta[1] - a * centre)


def review_threshold(match_similarities: ArrayLike, *, flagged: float = 0.05) -> float:
    """The threshold at which this share of true matches is flagged (similarity < threshold)."""
    found = np.asarray(match_similarities, dtype=np.float64)
    if not found.size:
        raise ValueError("A threshold needs the similarity of at least one match.")
    return float(np.quantile(found, flagged, method="lower"))


def fit_calibration(
    similarities: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    categories: Sequence[str] | None = None,
    prior: float | None = None,
) -> Calibration:
    """The calibration for these labels (1 match, 0 mismatch); `fitted` says which, and why.

    Platt's curve, unless an isotonic one (from `calibration_choice.ISOTONIC_FROM` labels on) or
    category offsets do clearly better on labels left out. `weights` and `prior` as in `fit_platt`.
    Where higher similarities are not rarer mismatches, the curve is flat: the share of mismatches.
    Raises ValueError when a class is missing.
    """
    from . import calibration_choice  # it builds on this file

    return calibration_choice.choose(
        np.asarray(similarities, dtype=np.float64),
        np.asarray(labels).astype(bool),
        weights=None if weights is None else np.asarray(weights, dtype=np.float64),
        categories=categories,
        prior=prior,
    )
