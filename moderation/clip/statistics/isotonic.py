"""Isotonic regression: the probability of a mismatch as a falling curve of no other shape."""

from __future__ import annotations

import numpy as np


def fit_isotonic(
    similarities: np.ndarray, wrong: np.ndarray, weights: np.ndarray
) -> list[tuple[float, float]]:
    """Knots (similarity, P(mismatch)): similarity rises, P falls strictly. float [n] each.

    Pool adjacent violators (Ayer et al. 1955); each pool becomes one knot at its weighted centre,
    between which one interpolates (centred isotonic regression, Oron and Flournoy 2017), so that
    the queue's order knows no ties. P stays within 1 / (n + 2) of 0 and 1, n being the effective
    number of labels.
    """
    order = np.argsort(similarities, kind="stable")
    pools: list[list[float]] = []  # weight, weight of the mismatches, weighted similarity
    for index in order:
        weight = float(weights[index])
        pools.append([weight, weight * wrong[index], weight * float(similarities[index])])
        while len(pools) > 1 and _share(pools[-2]) <= _share(pools[-1]):
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    edge = 1 / (effective_size(weights) + 2)
    knots: list[tuple[float, float]] = []
    for pool in pools:
        p = min(max(_share(pool), edge), 1 - edge)
        if not knots or p < knots[-1][1]:
            knots.append((pool[2] / pool[0], p))
    return knots


def _share(pool: list[float]) -> float:
    return pool[1] / pool[0]


def effective_size(weights: np.ndarray) -> float:
    """How many equally weighted labels would say as much (Kish 1965); 0 for none."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
