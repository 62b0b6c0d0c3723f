"""What is told of a model by pairs that were drawn from a catalogue, and with which intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moderation.clip.statistics.assess import JudgedPairs, Scores, assess
from moderation.clip.statistics.design import Design
from moderation.clip.statistics.design_bootstrap import COPIES, Redrawing

FLAGGED, PASSED = 0, 1


def shop(
    *, hits: int, false: int, misses: int, right: int, flagged: int = 400, passed: int = 4000
) -> tuple[JudgedPairs, Scores]:
    """Pairs of the flagged (`hits`, `false`) and the passed (`misses`, `right`), judged by lot."""
    counts = (hits, false, misses, right)
    labels = np.repeat([0, 1, 0, 1], counts)
    cells = np.repeat([FLAGGED, FLAGGED, PASSED, PASSED], counts)
    design = Design(cells, np.array([flagged, passed]), np.array([True, False]))
    judged = JudgedPairs(
        labels=labels,
        weights=design.weights,
        groups=[str(number) for number in range(len(labels))],
        categories=[""] * len(labels),
        kinds=[""] * len(labels),
        design=design,
    )
    similarity = np.repeat([0.1, 0.15, 0.4, 0.5], counts)
    similarity += np.random.default_rng(0).normal(0, 0.02, len(labels))
    return judged, Scores(similarity=similarity, flagged=cells == FLAGGED, in_force=True)


def test_a_pair_stands_for_its_part_of_the_catalogue() -> None:
    judged, scores = shop(hits=20, false=20, misses=4, right=76)

    figures = assess(judged, scores)["overall"]

    assert judged.weights.sum() == pytest.approx(4400)
    assert figures["precision"]["value"] == pytest.approx(0.5)
    assert figures["recall"]["value"] == pytest.approx(200 / (200 + 200))
    assert figures["flagged"] == {k: pytest.approx(400 / 4400) for k in ("value", "low", "high")}


def test_how_many_of_the_flagged_are_wrong_is_not_taken_for_known() -> None:
    judged, scores = shop(hits=20, false=20, misses=6, right=74)

    figures = assess(judged, scores)["overall"]

    assert figures["precision"]["low"] < 0.42 and figures["precision"]["high"] > 0.58
    assert figures["recall"]["low"] < 0.35 and figures["recall"]["high"] > 0.5


def test_the_more_was_judged_the_less_is_open() -> None:
    widths = []
    for flagged in (40, 80, 4000):
        judged, scores = shop(hits=20, false=20, misses=6, right=74, flagged=flagged)
        precision = assess(judged, scores)["overall"]["precision"]
        widths.append(precision["high"] - precision["low"])

    assert widths[0] == 0 and widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize("misses", [0, 1, 2])
def test_too_few_known_misses_leave_figures_at_least_so_high(misses: int) -> None:
    judged, scores = shop(hits=20, false=20, misses=misses, right=80)

    figures = assess(judged, scores)["overall"]

    for name in ("recall", "ap", "auc", "f1"):
        assert figures[name].keys() == {"at_least"} and figures[name]["at_least"] < 1
    assert 0.1 < figures["recall"]["at_least"] < 0.8
    assert "value" in figures["precision"]


def test_what_a_few_labels_leave_open_is_not_told() -> None:
    judged, scores = shop(hits=3, false=3, misses=3, right=20)

    found = assess(judged, scores)["overall"]["precision"]

    assert found["unknown"].startswith("Unknown: so few labels leave anything from ")


def test_flags_that_nobody_has_counted_are_in_doubt_too() -> None:
    """A candidate that flags none of 80 judged ones that pass may flag a hundred of 4,000."""
    judged, scores = shop(hits=36, false=4, misses=6, right=74)

    known = assess(judged, scores)["overall"]["precision"]
    doubted = assess(judged, replace(scores, in_force=False))["overall"]["precision"]

    assert known["low"] > 0.75 and doubted["low"] < known["low"] - 0.05


def test_what_was_not_drawn_by_lot_stands_for_itself() -> None:
    judged, _ = shop(hits=10, false=10, misses=5, right=45)
    assert judged.design is not None
    cells = judged.design.cells.copy()
    cells[:3] = -1
    weights = np.where(cells < 0, 1.0, replace(judged.design, cells=cells).weights)
    draws: list[np.ndarray] = []

    redrawing = Redrawing(
        labels=judged.labels,
        weights=weights,
        groups=judged.groups,
        design=replace(judged.design, cells=cells),
        flagged=None,
        times=50,
    )
    redrawing.spread(lambda block: draws.append(block) or {})  # type: ignore[func-returns-value]

    (block,) = draws
    assert block.shape == (2, 50, COPIES * 70)
    assert (block[:, :, :3] == 1).all()
    assert block.sum(axis=-1) == pytest.approx(weights.sum())
    assert not block[1][:, 70:].any()  # the second of each draw is without doubts


def test_pairs_of_one_group_are_drawn_together_across_cells() -> None:
    judged, _ = shop(hits=10, false=10, misses=5, right=45)
    groups = list(judged.groups)
    groups[0] = groups[-1] = "one title"
    draws: list[np.ndarray] = []

    redrawing = Redrawing(
        labels=judged.labels,
        weights=judged.weights,
        groups=groups,
        design=judged.design,
        flagged=None,
        times=2000,
    )
    redrawing.spread(lambda block: draws.append(block[1]) or {})  # type: ignore[func-returns-value]

    drawn = np.concatenate(draws)
    assert np.corrcoef(drawn[:, 0], drawn[:, 69])[0, 1] > 0.9
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 68])[0, 1]) < 0.1


def test_a_file_of_pairs_is_a_sample_whose_classes_vary() -> None:
    judged, scores = shop(hits=20, false=20, misses=4, right=76)
    plain = replace(judged, design=None, weights=np.ones(len(judged)))

    figures = assess(plain, replace(scores, in_force=False))["overall"]

    assert figures["precision"] == {
        "value": 0.5,
        "low": pytest.approx(0.35, abs=0.03),
        "high": pytest.approx(0.65, abs=0.03),
    }
    assert figures["recall"]["value"] == pytest.approx(20 / 24)


def test_the_intervals_hold_what_is_true_of_the_catalogue() -> None:
    """Shops of 4,400 products, one in five wrong; a tenth of the flagged is judged by lot."""
    told = held = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        hits, misses = rng.binomial(400, 0.6), rng.binomial(4000, 0.05)
        some = rng.hypergeometric(hits, 400 - hits, 40)
        missed = rng.hypergeometric(misses, 4000 - misses, 80)
        judged, scores = shop(hits=some, false=40 - some, misses=missed, right=80 - missed)
        figures = assess(judged, scores, times=300)["overall"]
        for name, true in (("precision", hits / 400), ("recall", hits / (hits + misses))):
            low = figures[name].get("low", figures[name].get("at_least"))
            if low is not None:
                told += 1
                held += low <= true <= figures[name].get("high", 1)
    assert told > 100 and held / told >= 0.9
