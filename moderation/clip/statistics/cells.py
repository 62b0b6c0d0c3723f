"""A catalogue in cells: parts of it in which what was judged by lot stands for what was not judged.

Every product has a permanent random number (Ohlsson 1995): it is in the random sample while that
number lies below the largest probability it was ever drawn with, whatever was scored anew since. So
of the products that were drawn alike the sample is a fair part, wherever their scores lie now. What
people judged besides, the most suspicious first, is counted and stands for nothing but itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np

WRONG, RIGHT, UNCLEAR = 1, 0, -1

# Fewer labels by lot do not speak for a cell.
FEWEST = 2
CENSUS = 0.95
# Two distributions lie further apart by chance in one of a thousand cases (Kolmogorov 1933).
_SURELY = 1.95


@dataclass(frozen=True)
class Listings:
    """The products of a catalogue, in g groups of one score and one draw.

    Lower scores are more suspicious. Products of one number in `draws` were drawn alike: with the
    same probabilities, one after the other.
    """

    scores: np.ndarray  # [g]
    draws: np.ndarray  # [g] int
    sizes: np.ndarray  # [g] products
    lots: np.ndarray  # [g] how many of these are in the random sample


@dataclass(frozen=True)
class Answers:
    """What people said of n different products of it.

    `said` is WRONG, RIGHT, or UNCLEAR where somebody was asked and nobody could tell.
    `by_lot`: in the random sample, so judged for no other reason.
    """

    scores: np.ndarray  # [n]
    draws: np.ndarray  # [n] int
    said: np.ndarray  # [n] int
    by_lot: np.ndarray  # [n] bool


@dataclass(frozen=True)
class Cell:
    """What is known of some products: those in the random sample, and the others.

    Of `lot` products in the sample `lot_judged` were judged, `lot_wrong` of them mismatches, and
    of `unclear` more nobody could tell. Of the `others` it is `open_judged` and `open_wrong`.
    """

    flagged: bool
    lot: int
    lot_judged: int
    lot_wrong: int
    others: int
    open_judged: int = 0
    open_wrong: int = 0
    unclear: int = 0

    def __post_init__(self) -> None:
        if not (
            0 <= self.lot_wrong <= self.lot_judged <= self.lot - self.unclear
            and 0 <= self.open_wrong <= self.open_judged <= self.others
        ):
            raise ValueError("Mismatches, judged and products of a cell must not decrease.")

    @property
    def size(self) -> int:
        """Its products."""
        return self.lot + self.others

    @property
    def judged(self) -> int:
        """For whatever reason."""
        return self.lot_judged + self.open_judged

    @property
    def wrong(self) -> int:
        """The mismatches among the judged."""
        return self.lot_wrong + self.open_wrong

    @property
    def unjudged(self) -> int:
        """What has to be estimated."""
        return self.size - self.judged

    @property
    def is_census(self) -> bool:
        """Whether (nearly) all was judged that was not drawn; so it is as fair as the sample."""
        return self.open_judged > 0 and self.open_judged >= CENSUS * self.others

    @property
    def drawn(self) -> tuple[int, int]:
        """How many labels speak for what was not judged, and how many of them are mismatches."""
        if self.is_census:
            return self.judged, self.wrong
        return self.lot_judged, self.lot_wrong

    @property
    def is_known(self) -> bool:
        """Whether all of it was judged, or enough to speak for the rest."""
        return self.drawn[0] >= FEWEST or not self.unjudged


@dataclass(frozen=True)
class Part:
    """A cell with where it lies: of one draw, the scores from `low` to below `high`."""

    cell: Cell
    draw: int
    low: float
    high: float

    def holds(self, answers: Answers) -> np.ndarray:
        """[n] which of the answers are of its products."""
        inside = (answers.scores >= self.low) & (answers.scores < self.high)
        return inside & (answers.draws == self.draw)


def cells_of(listings: Listings, answers: Answers, *, threshold: float) -> list[Cell]:
    """The cells of a catalogue of which all that scores below the threshold is flagged.

    What was drawn alike is one cell on each side, cut where people judged far more on one hand than
    on the other (a front of the queue), where enough speaks for each part or one was judged whole.
    """
    return [part.cell for part in parts_of(listings, answers, threshold=threshold)]


def parts_of(listings: Listings, answers: Answers, *, threshold: float) -> list[Part]:
    """The same, with where each cell lies."""
    found = []
    for draw in np.unique(listings.draws):
        group = _rows(listings, listings.draws == draw)
        people = _rows(answers, answers.draws == draw)
        for flagged, ends in ((True, (-np.inf, threshold)), (False, (threshold, np.inf))):
            side, said = _between(group, *ends), _between(people, *ends)
            for low, high in pairwise([ends[0], *_fronts(side, said), ends[1]]):
                cell = _cell(side, said, between=(low, high), flagged=flagged)
                found.append(Part(cell, int(draw), low, high))
    return [part for part in found if part.cell.size]


def _cell(
    listings: Listings, answers: Answers, *, between: tuple[float, float], flagged: bool
) -> Cell:
    group, people = _between(listings, *between), _between(answers, *between)
    judged, wrong, by_lot = people.said != UNCLEAR, people.said == WRONG, people.by_lot
    sampled, others = int(by_lot.sum()), int((judged & ~by_lot).sum())
    lot = max(int(group.lots.sum()), sampled)  # counted a moment before
    return Cell(
        flagged=flagged,
        lot=lot,
        lot_judged=int((judged & by_lot).sum()),
        lot_wrong=int((wrong & by_lot).sum()),
        unclear=int((~judged & by_lot).sum()),
        others=max(int(group.sizes.sum()) - lot, others),
        open_judged=others,
        open_wrong=int((wrong & ~by_lot).sum()),
    )


# ── Where people judged more ──────────────────────────────────────────────────────────────────
def _fronts(listings: Listings, answers: Answers) -> list[float]:
    """Scores at which the judged part of the others, or of the sample, changes; by halving."""
    groups = _rows(listings, np.argsort(listings.scores, kind="stable"))
    cuts: list[float] = []
    parts = [(-np.inf, np.inf)]
    while parts:
        low, high = parts.pop(0)
        for cut in _changes(_between(groups, low, high), _between(answers, low, high)):
            ends = [(low, cut), (cut, high)]
            halves = [_cell(groups, answers, between=end, flagged=True) for end in ends]
            # Behind a front where all was judged is something else, even if nothing speaks for it.
            if all(half.is_known for half in halves) or any(half.is_census for half in halves):
                cuts.append(cut)
                parts += ends
                break
    return sorted(cuts)


def _changes(groups: Listings, answers: Answers) -> Iterator[float]:
    """Where one of the two changes most, if surely."""
    by_lot = answers.by_lot & (answers.said != UNCLEAR)
    for there, rows in ((groups.sizes - groups.lots, ~answers.by_lot), (groups.lots, by_lot)):
        cut = _front(groups.scores, there, np.sort(answers.scores[rows]))
        if cut is not None:
            yield cut


def _front(scores: np.ndarray, sizes: np.ndarray, judged: np.ndarray) -> float | None:
    """Where the two distributions are furthest apart, if surely so (Kolmogorov and Smirnov).

    `scores` [g] rise, `sizes` [g] are the products there; `judged` [n] are scores in rising order.
    """
    if len(judged) < FEWEST or len(scores) < 2 or not sizes.any():
        return None
    there = np.cumsum(sizes) / sizes.sum()
    found = np.searchsorted(judged, scores, side="right") / len(judged)
    apart = np.abs(found - there)[:-1] * (np.diff(scores) > 0)  # never within one score
    place = int(np.argmax(apart))
    if apart[place] * len(judged) ** 0.5 < _SURELY:
        return None
    return float((scores[place] + scores[place + 1]) / 2)


Columns = TypeVar("Columns", Listings, Answers)


def _rows(columns: Columns, chosen: np.ndarray) -> Columns:
    return type(columns)(*(column[chosen] for column in vars(columns).values()))


def _between(columns: Columns, low: float, high: float) -> Columns:
    return _rows(columns, (columns.scores >= low) & (columns.scores < high))


def joined(parts: Sequence[Columns]) -> Columns:
    """Several parts of a catalogue, one at least, as one."""
    columns = zip(*(vars(part).values() for part in parts), strict=True)
    return type(parts[0])(*(np.concatenate(column) for column in columns))
