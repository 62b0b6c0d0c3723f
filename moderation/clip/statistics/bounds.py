"""How many mismatches there are at least, and what a threshold is likely to find."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .catalogue_estimate import Posterior, likely_wrong, posterior
from .cells import Cell

_DRAWS = 1000  # thresholds are compared by the dozen
_SEED = 20_250_102


def least_wrong(cells: Sequence[Cell], *, level: float, of_new: bool = False) -> float:
    """At least so many products of these cells are wrong; that it is fewer has this probability.

    What was judged is counted. Of the rest each cell takes its own labels by lot, and one label
    more that is no mismatch (for one cell the bound of Clopper and Pearson 1934). `of_new`: of as
    many products still to come.
    """
    size, counted = sum(cell.size for cell in cells), sum(cell.wrong for cell in cells)
    unknown = [cell for cell in cells if cell.unjudged]
    rng = np.random.default_rng(_SEED)
    found = np.full(_DRAWS, float(counted - sum(cell.wrong for cell in unknown)))
    for cell in unknown:
        found += likely_wrong(cell, rng, prior=(0.0, 1.0), draws=_DRAWS)[0]
    if of_new:
        found = size * np.where(found > 0, rng.beta(np.maximum(found, 1), size - found + 1), 0.0)
    return float(np.quantile(found, level, method="lower"))


def likely(cells: Sequence[Cell]) -> Posterior:
    """As `posterior`, with fewer draws."""
    return posterior(cells, seed=_SEED, draws=_DRAWS)
