"""From a similarity to the probability of a mismatch, and to a threshold with a known cost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
        z = self.a * similarity + self.b
        return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def fit_platt(
    similarities: ArrayLike, labels: ArrayLike, *, prior: float | None = None
) -> PlattScaling:
    """Fit on labelled pairs (1 match, 0 mismatch) by logistic regression.

    `prior` is the share of mismatches where the model will be used: classes are weighted so that
    the labelled pairs have that share (None: as they come). Targets are Platt's smoothed ones, so
    a perfect separation gives finite values. Raises ValueError when a class is missing.
    """
    similarity = np.asarray(similarities, dtype=np.float64)
    wrong = ~np.asarray(labels).astype(bool)
    if similarity.shape != wrong.shape or similarity.ndim != 1:
        raise ValueError("Similarities and labels must be two lists of the same length.")
    bad, good = int(wrong.sum()), int((~wrong).sum())
    if not bad or not good:
        raise ValueError("Calibration needs at least one match and one mismatch.")
    target = np.where(wrong, (bad + 1) / (bad + 2), 1 / (good + 2))
    weight = np.ones(len(wrong))
    if prior is not None:
        weight = np.where(wrong, prior / bad, (1 - prior) / good) * len(wrong)
    return PlattScaling(*_newton(similarity, target, weight))


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
