"""Isotonic regression: the probability of a mismatch as a falling curve of no other shape."""

from __future__ import annotations

import numpy as np

from .weights import effective_size

_EQUAL = 1e-12  # what rounding may make of one and the same share


def fit_isotonic(
    similarities: np.ndarray, wrong: np.ndarray, weights: np.ndarray
) -> list[tuple[float, float]]:
    """Knots (similarity, P(mismatch)): similarity rises, P falls strictly. float [n] each.

    SciPy pools adjacent violators; each pool becomes one knot at its weighted centre, between which
    one interpolates (centred isotonic regression, Oron and Flournoy 2017), so that the queue's
    order knows no ties. P stays within 1 / (n + 2) of 0 and 1, n being the effective number of
    labels.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(similarities, kind="stable")
    at, weight = similarities[order], weights[order]
    share = isotonic_regression(wrong[order], weights=weight, increasing=False).x
    pools = np.flatnonzero(np.r_[True, np.diff(share) < -_EQUAL])
    centres = np.add.reduceat(weight * at, pools) / np.add.reduceat(weight, pools)
    edge = 1 / (effective_size(weights) + 2)
    p = np.clip(share[pools], edge, 1 - edge)
    falls = np.r_[True, np.diff(p) < 0]
    return list(zip(centres[falls].tolist(), p[falls].tolist(), strict=True))
