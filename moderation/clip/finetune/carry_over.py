"""Threshold and probabilities for a new model where there are too few labels to fit them.

The cosines of two models lie on different scales. Scored on the same pairs, the base's threshold
becomes the one below which the new model has as many of them, and the base's curve is stretched
along.
"""

from __future__ import annotations

import numpy as np

from moderation.clip.statistics.calibration import PlattScaling

SAMPLE = 500  # listings that both models score


def threshold_of_same_share(threshold: float, *, before: np.ndarray, after: np.ndarray) -> float:
    """The threshold under which the new scores have the share that the old ones have.

    `before` and `after` [n] are the cosines of the same pairs. Unchanged scores keep the very
    threshold; beyond all pairs the distance to the nearest is kept, in spreads.
    """
    if np.array_equal(before, after):
        return threshold
    old, new = np.sort(before), np.sort(after)
    below = int(np.searchsorted(old, threshold))
    stretch = _spread(new) / _spread(old)
    if below == 0:
        return float(new[0] - (old[0] - threshold) * stretch)
    if below == len(old):
        return float(new[-1] + (threshold - old[-1]) * stretch)
    share = (threshold - old[below - 1]) / max(old[below] - old[below - 1], 1e-12)
    return float(new[below - 1] + share * (new[below] - new[below - 1]))


def platt_carried_over(
    platt: PlattScaling, *, before: np.ndarray, after: np.ndarray
) -> PlattScaling:
    """The curve that gives the new scores the probabilities that the old ones had, on the whole."""
    if np.array_equal(before, after):
        return platt
    stretch = _spread(before) / _spread(after)
    shift = float(before.mean()) - stretch * float(after.mean())
    return PlattScaling(a=platt.a * stretch, b=platt.b + platt.a * shift)


def _spread(scores: np.ndarray) -> float:
    return max(float(scores.std()), 1e-9)
