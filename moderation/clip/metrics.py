"""Ranking quality in plain numpy: what a threshold-free score is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Chance that a random match (label 1) scores above a random mismatch (label 0).

    Ties count one half (the Mann-Whitney U statistic). Raises ValueError when a class is missing.
    """
    truth, score = _checked(labels, scores)
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        raise ValueError("ROC-AUC needs at least one match and one mismatch.")
    _values, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[place]  # mean rank of each tie group, from 1
    u = ranks[truth].sum() - positives * (positives + 1) / 2
    return float(u / (positives * negatives))


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    truth, score = np.asarray(labels).astype(bool), np.asarray(scores, dtype=np.float64)
    if truth.shape != score.shape or truth.ndim != 1:
        raise ValueError("Labels and scores must be two lists of the same length.")
    if not np.isfinite(score).all():
        raise ValueError("Scores must be finite numbers.")
    return truth, score
