"""Numbers around the loss of decided pairs: weights, a first scale, and how it judges a model."""

from __future__ import annotations

import numpy as np

from moderation.clip.statistics.platt import fit_platt


def balanced(labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weights [m] of mean 1 in which matches and mismatches have equal sums."""
    result = np.asarray(weights, dtype=np.float64).copy()
    for label in (0, 1):
        chosen = labels == label
        result[chosen] *= len(labels) / 2 / max(result[chosen].sum(), 1e-12)
    return result


def first_scale(cosines: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Scale and bias to start from: Platt's fit with both classes alike.

    A base that ranks no better than chance gives no usable scale; then a mild one stands in.
    """
    platt = fit_platt(cosines, labels, prior=0.5)
    scale = -platt.a
    if scale < 1.0:
        return 10.0, -10.0 * float(np.mean(cosines))
    return scale, -platt.b


def held_out_losses(cosines: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Balanced loss of each held-out pair, [m], after the best scale and bias for these cosines.

    Refitting two numbers makes models comparable whose cosines lie on different scales.
    """
    platt = fit_platt(cosines, labels, prior=0.5)
    logit = -(platt.a * cosines + platt.b)
    return np.logaddexp(0, logit * (1 - 2 * labels)) * balanced(labels, weights)
