"""The exact binomial test of a share, and how many labels it takes."""

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
    rate = 1 - share
    if rate < 1e-9:
        return max(above + 1, math.ceil(math.log(level) / math.log(target) - 1e-9))
    errors, low = math.ceil(rate * (above + 1) - 1e-9), above + 1
    while True:
        # So many labels have no more errors.
        high = min(math.floor(errors / rate + 1e-9), _COUNTED_AT_MOST)
        if low > _COUNTED_AT_MOST:
            z = NormalDist().inv_cdf(1 - level)
            return max(math.ceil((z / (share - target)) ** 2 * share * rate), low)
        if high >= low and binomial_tail(high - errors, high, target) <= level:
            while low < high:  # with the same errors, more labels only show more
                middle = (low + high) // 2
                if binomial_tail(middle - errors, middle, target) <= level:
                    high = middle
                else:
                    low = middle + 1
            return low
        errors, low = errors + 1, max(low, high + 1)


def binomial_tail(successes: int, size: int, share: float) -> float:
    """P(at least so many successes) in `size` trials of this share: an exact p-value."""
    if successes <= 0:
        return 1.0
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size + 1)))])  # log factorials
    k = np.arange(successes, size + 1)
    terms = logs[size] - logs[k] - logs[size - k] + k * math.log(share)
    return float(np.exp(terms + (size - k) * math.log1p(-share)).sum())
