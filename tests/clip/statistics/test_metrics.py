"""Ranking figures against brute force and by hand."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn import metrics as sklearn

from moderation.clip.statistics import agreement
from moderation.clip.statistics.binomial import wilson
from moderation.clip.statistics.metrics import (
    Flags,
    Probabilities,
    RankedPairs,
    average_precision,
    precision_recall,
    roc_auc,
)


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


@pytest.mark.parametrize("seed", range(12))
def test_weighted_figures_are_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, levels = [(2, 2), (40, 3), (300, 1000)][seed % 3]
    labels = rng.integers(0, 2, count)
    labels[:2] = [0, 1]
    scores = rng.integers(0, levels, count) / levels
    p = rng.random(count)
    weights = np.array([np.ones(count), rng.exponential(size=count) + 0.01])
    flagged = scores < 0.5
    flagged[0] = True

    ranked = RankedPairs.of(labels, scores).under(weights)
    flags = Flags(labels, flagged).under(weights)
    brier = Probabilities(labels, p).under(weights)["brier"]
    for row, weight in enumerate(weights):
        wrong, given = 1 - labels, {"sample_weight": weight}
        assert ranked["auc"][row] == pytest.approx(sklearn.roc_auc_score(labels, scores, **given))
        assert ranked["ap"][row] == pytest.approx(
            sklearn.average_precision_score(wrong, -scores, **given)
        )
        assert flags["f1"][row] == pytest.approx(sklearn.f1_score(wrong, flagged, **given))
        assert brier[row] == pytest.approx(sklearn.brier_score_loss(wrong, p, **given))
        precision, recall, _ = sklearn.precision_recall_curve(wrong, -scores, **given)
        assert np.array(precision_recall(labels, scores, weights=weight, points=count)) == (
            pytest.approx(np.stack([recall, precision], axis=1)[-2::-1])
        )
    assert roc_auc(labels, scores) == pytest.approx(ranked["auc"][0])
    assert average_precision(labels, scores) == pytest.approx(ranked["ap"][0])


@pytest.mark.parametrize("table", [[[20, 5], [10, 15]], [[0, 7], [3, 1]], [[40, 0], [1, 0]]])
def test_kappa_is_scikit_learns(table: list[list[int]]) -> None:
    counts = np.array(table)
    expected = sklearn.cohen_kappa_score([0, 0, 1, 1], [0, 1, 0, 1], sample_weight=counts.ravel())
    found = agreement.kappa(counts)
    assert found is not None and found.value == pytest.approx(expected)


@pytest.mark.parametrize(("found", "size"), [(0, 12), (7, 30), (999, 1000), (4, 4)])
def test_wilsons_interval_of_whole_counts_is_scipys(found: int, size: int) -> None:
    expected = binomtest(found, size).proportion_ci(0.9, method="wilson")
    assert wilson(found / size, size, confidence=0.9) == pytest.approx(
        (expected.low, expected.high)
    )
