"""The statistics of the audit: figures with intervals, agreement, and alarms on drift."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.clip.statistics import agreement, drift
from moderation.clip.statistics.catalogue_estimate import (
    AtLeast,
    Figure,
    Unknown,
    estimate,
)
from moderation.clip.statistics.cells import Cell


def shop(
    rng: np.random.Generator, *, prevalence: float = 0.05, done: float = 1.0
) -> tuple[list[Cell], dict[str, float]]:
    """A shop of 20,000 as its random sample shows it, and the truth."""
    chances = {"flagged": (0.054, 0.7), "near": (0.144, 0.062), "rest": (0.802, 0.0038)}
    shares = {"flagged": 0.1, "near": 0.08, "rest": 0.02}
    cells, wrong, hit = [], 0, 0
    for name, (part, chance) in chances.items():
        size = round(20_000 * part)
        is_wrong = rng.random(size) < chance * prevalence / 0.05
        drawn = rng.random(size) < shares[name]
        judged = drawn & (rng.random(size) < done)
        cells.append(
            Cell(
                flagged=name == "flagged",
                lot=int(drawn.sum()),
                lot_judged=int(judged.sum()),
                lot_wrong=int((judged & is_wrong).sum()),
                others=int((~drawn).sum()),
            )
        )
        wrong += int(is_wrong.sum())
        hit += int(is_wrong.sum()) if name == "flagged" else 0
    return cells, {"prevalence": wrong / 20_000, "recall": hit / wrong}


def by_lot(size: int, *, judged: int, wrong: int, flagged: bool = False, unclear: int = 0) -> Cell:
    """Products of which some were judged by lot, and nothing else."""
    lot = judged + unclear
    return Cell(flagged, lot, judged, wrong, others=size - lot, unclear=unclear)


def test_a_fully_judged_catalogue_leaves_no_doubt() -> None:
    flagged = by_lot(50, judged=50, wrong=40, flagged=True)
    found = estimate([flagged, by_lot(950, judged=950, wrong=10)])
    assert found.recall == Figure(0.8, 0.8, 0.8) and found.recall.is_exact
    assert (found.precision.low, found.prevalence.high) == (0.8, 0.05)


def test_a_census_of_the_flagged_is_known_whatever_was_judged_of_the_rest() -> None:
    openly = Cell(True, 2, 2, 1, others=28, open_judged=28, open_wrong=12)
    assert estimate([openly]).precision == Figure(13 / 30, 13 / 30, 13 / 30)


def test_what_was_drawn_stands_for_the_rest_and_fewer_labels_tell_less() -> None:
    def found(judged: int) -> float:
        flagged = by_lot(400, judged=judged, wrong=judged // 2, flagged=True)
        recall = estimate([flagged, by_lot(2000, judged=judged, wrong=judged // 10)]).recall
        assert isinstance(recall, Figure) and recall.value == pytest.approx(0.5)
        return recall.high - recall.low

    assert found(300) < found(150) < found(60)


def test_what_was_judged_openly_stands_for_itself_alone() -> None:
    """The others as a whole are like the sample: with ten found, of 90 some ten are left."""
    cell = Cell(True, 200, 100, 20, others=100, open_judged=10, open_wrong=10)
    precision = estimate([cell]).precision
    assert isinstance(precision, Figure)
    assert precision.value == pytest.approx((20 + 20 + 20) / 300)


def test_intervals_hold_the_truth_and_recall_is_hardly_biased() -> None:
    """The full measurement is benchmarks/figures.py."""
    rng = np.random.default_rng(0)
    errors, inside = [], 0
    for _ in range(100):
        cells, truth = shop(rng, done=0.7)
        recall = estimate(cells).recall
        if isinstance(recall, Figure):  # in one of three hundred hardly a miss was drawn
            errors.append(recall.value - truth["recall"])
            inside += recall.low <= truth["recall"] <= recall.high
    assert abs(np.mean(errors)) < 0.02
    assert len(errors) > 95 and inside >= 90


def test_no_miss_found_is_no_full_recall() -> None:
    flagged = by_lot(100, judged=50, wrong=40, flagged=True)
    found = {n: estimate([flagged, by_lot(900, judged=60, wrong=n)]).recall for n in range(4)}
    assert [isinstance(found[n], AtLeast) for n in range(3)] == [True] * 3
    assert 0.3 < found[0].low < 0.9
    assert not isinstance(found[3], AtLeast)
    assert estimate([flagged, by_lot(900, judged=900, wrong=0)]).recall == Figure(1.0, 1.0, 1.0)


def test_an_interval_that_says_nothing_is_not_shown() -> None:
    told = estimate([by_lot(1000, judged=3, wrong=2, flagged=True)]).precision
    assert isinstance(told, Unknown) and "leave anything from" in told.why


def test_what_labels_cannot_tell_stays_unknown() -> None:
    flagged = by_lot(60, judged=50, wrong=40, flagged=True)
    alone = estimate([flagged, by_lot(900, judged=0, wrong=0)])
    assert isinstance(alone.precision, Figure)
    assert alone.recall == alone.prevalence
    assert isinstance(alone.recall, Unknown) and "nothing was judged by lot" in alone.recall.why

    silent = estimate([flagged, by_lot(800, judged=40, wrong=1), by_lot(100, judged=0, wrong=0)])
    assert isinstance(silent.recall, Unknown) and "100 of the 900" in silent.recall.why
    small = estimate([flagged, by_lot(880, judged=40, wrong=1), by_lot(20, judged=0, wrong=0)])
    assert isinstance(small.prevalence, Figure)
    clean = estimate([by_lot(290, judged=29, wrong=0)])
    assert isinstance(clean.prevalence, Figure) and clean.prevalence.value == 0
    assert isinstance(clean.precision, Unknown) and "nothing is flagged" in clean.precision.why
    assert isinstance(estimate([]).recall, Unknown)


def test_the_interval_holds_whatever_the_unclear_are() -> None:
    def width(unclear: int) -> tuple[float, float]:
        cell = by_lot(1000, judged=200, wrong=100, flagged=True, unclear=unclear)
        precision = estimate([cell]).precision
        assert isinstance(precision, Figure)
        return precision.low, precision.high

    low, high = width(50)
    assert low < 0.42 and high > 0.58  # a fifth of the rest may be either
    assert low < width(0)[0] and high > width(0)[1]


@pytest.mark.parametrize(
    ("table", "value"),
    [([[20, 5], [10, 15]], 0.4), ([[30, 0], [0, 70]], 1.0), ([[25, 25], [25, 25]], 0.0)],
)
def test_kappa_is_cohens(table: list[list[int]], value: float) -> None:
    found = agreement.kappa(np.array(table))
    assert found.value == pytest.approx(value)
    assert found.low < value + 1e-9 and found.high > value - 1e-9 and found.high - found.low < 0.6


@pytest.mark.parametrize("table", [[[0, 0], [0, 0]], [[12, 0], [0, 0]]])
def test_without_two_verdicts_there_is_no_kappa(table: list[list[int]]) -> None:
    assert agreement.kappa(np.array(table)) is None


def test_an_unchanged_catalogue_hardly_ever_raises_an_alarm_and_a_changed_one_does() -> None:
    rng = np.random.default_rng(1)
    looks, false, found = 60, 0, 0
    for _ in range(looks):
        (before, _), (now, _) = shop(rng), shop(rng)
        false += any(drift.share_changed(before, now, what=w) for w in ("prevalence", "precision"))
    for _ in range(20):
        (before, _), (now, _) = shop(rng), shop(rng, prevalence=0.15)
        found += drift.share_changed(before, now, what="prevalence")
    assert false <= 3  # less than one is expected
    assert found >= 18


def test_scores_that_are_spread_otherwise_are_noticed() -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(0.46, 0.15, 8000)
    alarms = [drift.scores_changed(before, rng.normal(0.46, 0.15, 2000)) for _ in range(100)]
    assert not any(alarms)
    few = [drift.scores_changed(before[:60], rng.normal(0.46, 0.15, 60)) for _ in range(200)]
    assert sum(few) <= 4
    assert drift.scores_changed(before, rng.normal(0.36, 0.15, 2000))
    assert drift.stability_index(before, before) == pytest.approx(0, abs=1e-3)
