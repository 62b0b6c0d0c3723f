"""A share in a sample: its interval, and how many labels show that it is above a target."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

_COUNTED_AT_MOST = 20_000  # labels; beyond, the number is estimated


def labels_for(target: float, *, share: float, level: float, above: int = 0) -> int:
    """The fewest labels, over `above`, that show a precision above `target` where `share` holds.

    As many of n labels are errors as this share of mismatches leaves, rounded up; they show it
    where the exact binomial test does at this level (the lower bound of Clopper and Pearson 1934).
    """
    from scipy.special import bdtrc

    rate = 1 - share
    if rate < 1e-9:
        return max(above + 1, math.ceil(math.log(level) / math.log(target) - 1e-9))
    sizes = np.arange(above + 1, _COUNTED_AT_MOST + 1)
    right = sizes - np.ceil(rate * sizes - 1e-9)
    shown = sizes[(right > 0) & (bdtrc(right - 1, sizes, target) <= level)]
    if len(shown):
        return int(shown[0])
    z = NormalDist().inv_cdf(1 - level)
    estimated = math.ceil((z / (share - target)) ** 2 * share * rate)
    return max(estimated, above + 1, _COUNTED_AT_MOST + 1)


def wilson(share: float, size: float, *, confidence: float) -> tuple[float, float]:
    """Wilson's interval (1927) of a share in `size` labels, whole or not (SciPy wants counts)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * math.sqrt(share * (1 - share) / size + (z / (2 * size)) ** 2)
    return max(0.0, centre - half), min(1.0, centre + half)
