"""A catalogue in cells: what speaks for what, and where a front of the queue divides it."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.clip.statistics.cells import (
    RIGHT,
    UNCLEAR,
    WRONG,
    Answers,
    Cell,
    Listings,
    cells_of,
    joined,
)


def listings(scores: np.ndarray, *, lot: np.ndarray, draws: np.ndarray | int = 0) -> Listings:
    one = np.ones(len(scores), dtype=int)
    return Listings(scores, one * draws, one, lot.astype(int))


def answers(there: Listings, rows: np.ndarray, *, wrong: np.ndarray) -> Answers:
    said = np.where(wrong[rows], WRONG, RIGHT)
    return Answers(there.scores[rows], there.draws[rows], said, there.lots[rows] > 0)


def test_each_draw_is_a_cell_on_either_side_of_the_threshold() -> None:
    scores = np.linspace(-1, 1, 100)
    there = listings(scores, lot=np.arange(100) % 10 == 0, draws=np.arange(100) % 2)
    none = answers(there, np.array([], dtype=int), wrong=scores < 0)

    found = cells_of(there, none, threshold=0.0)
    assert [(cell.flagged, cell.size, cell.lot) for cell in found] == [
        (True, 25, 5),
        (False, 25, 5),
        (True, 25, 0),
        (False, 25, 0),
    ]


def test_a_front_of_the_queue_is_a_cut() -> None:
    """The 100 most suspicious are judged whole, but for the random sample, of which half is."""
    scores = np.linspace(-1, -0.1, 400)
    number = np.arange(400)
    there = listings(scores, lot=number % 5 == 0)
    judged = np.flatnonzero(((number < 100) & (number % 5 != 0)) | (number % 10 == 0))

    front, behind = cells_of(there, answers(there, judged, wrong=scores < -0.9), threshold=0.0)
    assert (front.size, front.open_judged, front.lot_judged) == (100, 80, 10)
    assert (behind.size, behind.open_judged, behind.lot_judged) == (300, 0, 30)
    assert front.is_census and front.drawn == (90, front.wrong)
    assert behind.drawn == (30, behind.lot_wrong)


def test_products_of_one_score_are_never_divided() -> None:
    """As parts of a catalogue are, that have the same scores."""
    there = listings(np.repeat([-0.5, -0.4], 50), lot=np.zeros(100))
    judged = answers(there, np.arange(50), wrong=np.ones(100, dtype=bool))

    sizes = [cell.size for cell in cells_of(joined([there, there]), judged, threshold=0.0)]
    assert sum(sizes) == 200 and set(sizes) <= {100, 200}


def test_what_nobody_could_tell_is_not_judged() -> None:
    there = listings(np.zeros(10), lot=np.ones(10))
    said = Answers(
        np.zeros(3), np.zeros(3, dtype=int), np.array([WRONG, RIGHT, UNCLEAR]), np.ones(3, bool)
    )
    (cell,) = cells_of(there, said, threshold=1.0)
    assert (cell.lot_judged, cell.lot_wrong, cell.unclear, cell.unjudged) == (2, 1, 1, 8)


def test_parts_of_a_catalogue_are_joined() -> None:
    one = listings(np.zeros(3), lot=np.zeros(3))
    assert joined([one, one]).sizes.sum() == 6


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="must not decrease"):
        Cell(flagged=True, lot=5, lot_judged=6, lot_wrong=0, others=0)
    with pytest.raises(ValueError, match="must not decrease"):
        Cell(flagged=True, lot=5, lot_judged=3, lot_wrong=0, unclear=3, others=0)
