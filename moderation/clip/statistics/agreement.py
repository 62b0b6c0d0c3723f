"""How far two moderators who judged the same pairs agree beyond chance (Cohen 1960)."""

from __future__ import annotations

import numpy as np

from .catalogue_estimate import Figure

_DRAWS = 4000
_SEED = 20_250_101


def kappa(table: np.ndarray, *, level: float = 0.95) -> Figure | None:
    """Cohen's kappa of a 2x2 table of counts (first judge, second judge), with its interval.

    The interval comes from draws of the table's cells (Dirichlet, Jeffreys' prior). None where it
    is not defined: nothing was judged twice, or all pairs got one and the same verdict.
    """
    counts = np.asarray(table, dtype=float)
    if counts.shape != (2, 2) or (counts < 0).any():
        raise ValueError("Agreement needs a table of two by two counts.")
    if counts.sum() == 0 or ((counts.ravel() > 0).sum() == 1 and counts.trace() > 0):
        return None
    value = float(_kappa(counts[None] / counts.sum())[0])
    rng = np.random.default_rng(_SEED)
    cells = rng.dirichlet(counts.ravel() + 0.5, _DRAWS).reshape(-1, 2, 2)
    tail = (1 - level) / 2
    low, high = np.quantile(_kappa(cells), [tail, 1 - tail])
    return Figure(value, min(float(low), value), max(float(high), value))


def _kappa(shares: np.ndarray) -> np.ndarray:
    """[n, 2, 2] shares to [n]; scikit-learn's takes the verdicts of one table at a time."""
    observed = shares[:, 0, 0] + shares[:, 1, 1]
    first, second = shares.sum(axis=2), shares.sum(axis=1)
    expected = (first * second).sum(axis=1)
    return (observed - expected) / (1 - expected)
