"""Weights of labels: how many labels they are worth, and what fits take of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def effective_size(weights: np.ndarray) -> float:
    """How many equally weighted labels would say as much (Kish 1965); 0 for none."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def scaled(weights: ArrayLike | None, count: int) -> np.ndarray:
    """The weights [count], scaled to sum to the effective number of labels.

    So a few labels of great weight are not taken for many labels. Raises ValueError.
    """
    if weights is None:
        return np.ones(count)
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (count,) or not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError("Each label needs a weight, a finite number above 0.")
    return np.asarray(weight * weight.sum() / (weight**2).sum()) if count else weight


def flattened(weights: ArrayLike) -> np.ndarray:
    """The roots of 1 / probability weights, for fitting (Shimodaira 2000).

    What is judged depends on the similarity, which the curve knows: whole weights would only
    throw most of the flagged labels away for the few of the random sample, none at all would
    trust the curve's shape too far.
    """
    return np.sqrt(np.asarray(weights, dtype=np.float64))
