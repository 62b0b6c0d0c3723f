"""Weighted figures by hand, and intervals that cover what they should."""

from __future__ import annotations

import time

import numpy as np
import pytest

from moderation.clip.statistics.bootstrap import (
    Resampling,
    holm,
    interval,
    lower_bound,
    p_fallen,
)
from moderation.clip.statistics.metrics import (
    Flags,
    Probabilities,
    RankedPairs,
    average_precision,
)


def pairs(seed: int, n: int = 400, *, gap: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.6).astype(int)
    return labels, rng.normal(size=n) + gap * labels


def plain(figures: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items()}


def test_average_precision_by_hand() -> None:
    # From the most suspicious on: wrong, right, wrong, right.
    assert average_precision([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]) == pytest.approx((1 + 2 / 3) / 2)
    # Equal scores are one step: all that is left has the precision of the whole.
    assert average_precision([0, 1, 0, 1], [0.5] * 4) == pytest.approx(0.5)


def test_a_weight_of_two_is_the_pair_twice() -> None:
    labels, similarity = pairs(1, 50)
    similarity = similarity.round(1)  # with ties
    weights = np.random.default_rng(2).integers(1, 4, 50)
    p = 1 / (1 + np.exp(similarity))
    twice = np.repeat(np.arange(50), weights)

    once = plain(RankedPairs.of(labels, similarity).under(weights, recalls=(0.8,)))
    again = RankedPairs.of(labels[twice], similarity[twice])
    many = plain(again.under(np.ones(len(twice)), recalls=(0.8,)))
    assert once == pytest.approx(many)
    for kind, values in ((Flags, similarity < 0.3), (Probabilities, p)):
        brier_or_f1 = plain(kind(labels, values).under(weights))
        repeated = plain(kind(labels[twice], values[twice]).under(np.ones(len(twice))))
        brier_or_f1.pop("ece", None), repeated.pop("ece", None)  # its bins are of equal counts
        assert brier_or_f1 == pytest.approx(repeated)


def test_precision_at_recall_is_the_best_at_any_depth_that_finds_enough() -> None:
    #           wrong  right  wrong  wrong  right
    figures = RankedPairs.of([0, 1, 0, 0, 1], [1, 2, 3, 4, 5]).under(np.ones(5), recalls=(0.3, 0.5))
    assert figures["precision_at_0.3"] == pytest.approx(1.0)
    assert figures["precision_at_0.5"] == pytest.approx(3 / 4)


def test_flags_by_hand() -> None:
    figures = Flags(np.array([0, 0, 1, 1]), np.array([True, False, True, False])).under(np.ones(4))
    assert plain(figures) == {
        "f1": 0.5,
        "precision": 0.5,
        "recall": 0.5,
        "flagged": 0.5,
    }


def test_ece_sees_what_is_off_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    labels = (rng.random(20_000) > p).astype(int)

    weights = np.ones(len(p))
    assert Probabilities(labels, p).under(weights)["ece"] < 0.015
    assert Probabilities(labels, np.clip(p + 0.2, 0, 1)).under(weights)["ece"] == pytest.approx(
        0.18, abs=0.02
    )


def test_a_class_without_weight_gives_no_figure() -> None:
    figures = RankedPairs.of([0, 1], [0.1, 0.2]).under(
        np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    )
    assert figures["auc"][0] == 1 and np.isnan(figures["auc"][1:]).all()
    assert figures["ap"][0] == 1 and np.isnan(figures["ap"][1:]).all()


def test_the_same_seed_gives_the_same_resamples_and_both_classes_stay() -> None:
    labels = np.array([0] * 3 + [1] * 40)
    resampling = Resampling(labels=labels, weights=np.ones(43), times=200, seed=3)
    first, second = np.concatenate(list(resampling.blocks())), next(iter(resampling.blocks()))

    assert np.array_equal(first, second) and first.shape == (200, 43)
    assert (first[:, :3].sum(1) == 3).all() and (first[:, 3:].sum(1) == 40).all()


def test_groups_are_drawn_whole() -> None:
    labels = np.array([0, 1, 0, 1, 1, 1])
    groups = ["a", "a", "b", "b", "c", "d"]
    drawn = next(iter(Resampling(labels, np.ones(6), groups=groups, times=50).blocks()))

    assert (drawn[:, 0] == drawn[:, 1]).all() and (drawn[:, 2] == drawn[:, 3]).all()
    assert (drawn[:, 0] + drawn[:, 2] == 2).all()  # the mixed groups are a stratum of their own


def test_copies_of_a_pair_add_no_certainty_when_they_are_one_group() -> None:
    labels, similarity = pairs(4, 100)
    four = np.tile(np.arange(100), 4)
    ranking = RankedPairs.of(labels[four], similarity[four])

    def width(groups: list[str] | None) -> float:
        resampling = Resampling(labels[four], np.ones(400), groups=groups, times=300)
        low, high = interval(resampling.spread(ranking.under)["auc"]) or (0, 0)
        return high - low

    assert width([str(i) for i in four]) > 1.7 * width(None)


def test_the_intervals_cover_the_truth() -> None:
    """The AUC of two normals one apart is 0.7602; 95% intervals miss it in few of 100 samples."""
    covered = 0
    for seed in range(100):
        labels, similarity = pairs(seed, 200)
        resampling = Resampling(labels, np.ones(200), times=300, seed=seed)
        low, high = interval(
            resampling.spread(RankedPairs.of(labels, similarity).under)["auc"]
        ) or (
            1,
            0,
        )
        covered += low <= 0.7602 <= high
    assert covered >= 88


def test_three_thousand_pairs_a_thousand_times_take_seconds() -> None:
    labels, similarity = pairs(0, 3000)
    started = time.perf_counter()
    Resampling(labels, np.ones(3000), times=1000).spread(RankedPairs.of(labels, similarity).under)
    assert time.perf_counter() - started < 20  # measured: half a second


def test_holm_stops_at_the_first_that_fails() -> None:
    assert holm([0.001, 0.04, 0.02, 0.9]) == [True, False, False, False]
    assert holm([0.01, 0.012, 0.02, 0.04]) == [True, True, True, True]


def test_one_sided_bounds() -> None:
    values = np.random.default_rng(0).normal(0.1, 0.05, 4000)
    assert lower_bound(values, level=0.975) == pytest.approx(0.0, abs=0.01)
    assert p_fallen(-0.1, values) == pytest.approx(0.023, abs=0.004)
    assert p_fallen(0.0, np.zeros(10)) == 1.0 and p_fallen(-0.1, np.zeros(10)) == 0.0


def test_too_many_unknown_resamples_give_no_interval() -> None:
    assert interval(np.r_[np.full(90, np.nan), np.ones(10)]) is None
