"""The loss of decided pairs: binary cross entropy on a scaled and shifted cosine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.statistics.platt import fit_platt

if TYPE_CHECKING:
    import torch


def pair_losses(
    cosine: torch.Tensor, label: torch.Tensor, *, scale: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """-log P of each label, [m], with P(match) = sigmoid(scale * cosine + bias).

    cosine [m]; label [m], 1 match and 0 mismatch. The loss of SigLIP (Zhai et al. 2023) without its
    pairing of everything with everything: a sum over rows, so that it may be computed in parts.
    """
    from torch.nn import functional

    logit = scale * cosine + bias
    return functional.softplus(logit * (1 - 2 * label))


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
