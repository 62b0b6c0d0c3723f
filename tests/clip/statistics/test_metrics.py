"""Ranking figures against brute force and by hand."""

import numpy as np
import pytest

from moderation.clip.statistics.metrics import roc_auc


def _auc_by_counting(labels: np.ndarray, scores: np.ndarray) -> float:
    wins = [
        1.0 if good > bad else 0.5 if good == bad else 0.0
        for good in scores[labels == 1]
        for bad in scores[labels == 0]
    ]
    return sum(wins) / len(wins)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("levels", [3, 10, 1000])
def test_roc_auc_equals_counting_every_pair(seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, 60)
    labels[:2] = [0, 1]
    scores = rng.integers(0, levels, 60) / levels  # few levels: many ties

    assert roc_auc(labels, scores) == pytest.approx(_auc_by_counting(labels, scores))


def test_roc_auc_knows_the_extremes() -> None:
    assert roc_auc([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4]) == 1.0
    assert roc_auc([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4]) == 0.0
    assert roc_auc([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5]) == 0.5


@pytest.mark.parametrize(
    ("labels", "scores"),
    [([1, 1], [0.1, 0.2]), ([0, 1], [0.1]), ([0, 1], [0.1, float("nan")])],
)
def test_roc_auc_refuses_what_it_cannot_rank(labels: list[int], scores: list[float]) -> None:
    with pytest.raises(ValueError):
        roc_auc(labels, scores)
