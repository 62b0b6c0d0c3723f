"""Platt's curve, fitted to labelled pairs: a logistic regression on the similarity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .calibration import PlattScaling
from .weights import scaled

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


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
        weight = weight * np.where(wrong, prior / bad, (1 - prior) / good)
    return PlattScaling(*_regression(similarity, target, weight / weight.sum()))


def _regression(x: np.ndarray, target: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Slope and intercept: where the likelihood of the targets [n], from 0 to 1, is flat.

    By SciPy's root finder; scikit-learn's logistic regression takes classes, no shares.
    """
    from scipy.optimize import root
    from scipy.special import expit

    centre, spread = float(x.mean()), float(x.std()) or 1.0
    design = np.stack([(x - centre) / spread, np.ones_like(x)], axis=1)  # [n, 2]

    def slope(theta: np.ndarray) -> np.ndarray:
        return design.T @ (weight * (expit(design @ theta) - target))

    def curvature(theta: np.ndarray) -> np.ndarray:
        p = expit(design @ theta)
        return (design * (weight * p * (1 - p))[:, None]).T @ design

    theta = root(slope, np.zeros(2), jac=curvature, tol=1e-12).x
    a = theta[0] / spread
    return float(a), float(theta[1] - a * centre)
