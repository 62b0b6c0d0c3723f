"""What a category's mismatches differ by: logit offsets, pulled towards 0 as labels are few."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from moderation.clip.folding import folded

# However much the categories differ, an offset has no business beyond this (odds times 20).
LARGEST = 3.0


def fit_offsets(
    logits: np.ndarray, wrong: np.ndarray, weights: np.ndarray, categories: Sequence[str]
) -> tuple[dict[str, float], float]:
    """Logit offsets by folded category, and the standard deviation they were found to have.

    `logits` [n] are those of the common curve, `wrong` [n] is 1 for a mismatch. Empirical Bayes:
    offsets are taken for draws from N(0, spread^2). The spread is estimated by moments of the
    scores (s = sum of w (wrong - p), whose variance is V + spread^2 I^2), and each offset is the
    most probable one given it. Where categories differ no more than chance explains, the spread
    is 0 and there are no offsets. Labels without a category ("") take no part.
    """
    p = 1 / (1 + np.exp(-logits))
    names = np.array([folded(name) for name in categories])
    scores, noise, information = [], [], []
    parts = {str(name): names == name for name in sorted(set(names) - {""})}
    for chosen in parts.values():
        w, q = weights[chosen], p[chosen]
        scores.append(float(w @ (wrong[chosen] - q)))
        noise.append(float((w**2) @ (q * (1 - q))))
        information.append(float(w @ (q * (1 - q))))
    surplus = float(np.square(scores).sum() - np.sum(noise))
    if len(parts) < 2 or surplus <= 0:
        return {}, 0.0
    variance = min(surplus / float(np.square(information).sum()), LARGEST)
    offsets = {
        name: _most_probable(logits[chosen], wrong[chosen], weights[chosen], variance)
        for name, chosen in parts.items()
    }
    return offsets, variance**0.5


def _most_probable(
    logits: np.ndarray, wrong: np.ndarray, weights: np.ndarray, variance: float
) -> float:
    """The offset at which likelihood times prior is largest: the root of a falling slope."""
    low, high = -LARGEST, LARGEST
    for _ in range(40):
        offset = (low + high) / 2
        p = 1 / (1 + np.exp(-(logits + offset)))
        if float(weights @ (wrong - p)) > offset / variance:
            low = offset
        else:
            high = offset
    return (low + high) / 2
