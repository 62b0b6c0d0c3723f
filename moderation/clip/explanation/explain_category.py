"""Where a listing's own category stands among all, for its photo."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Place:
    """Rank (1 is best) of so many categories, and the lead of the best one, in logits.

    Which category it is instead is not said: the best one was the true one in half of the cases.
    """

    rank: int
    of: int
    lead: float


def place_of(image: np.ndarray, vectors: np.ndarray, *, own: int, logit_scale: float) -> Place:
    """Where row `own` of the categories' unit vectors [c, d] stands for an image vector [d]."""
    logits = logit_scale * (vectors @ image)
    rank = 1 + int((logits > logits[own]).sum())
    return Place(rank, len(logits), float(logits.max() - logits[own]))
