"""What judged listings say of a whole catalogue: prevalence, precision and recall, with intervals.

What was judged is counted. Of what was not, each cell is estimated from its own that were judged by
lot: the finite-population Bayes of Ghosh and Meeden (1997). Figures of the whole are sums over
cells, their intervals quantiles of many draws; what was judged as a whole has no interval. Where
people were asked and could not tell, the interval holds whatever these may be (Manski 1990).

A prior in each of many cells would add up to a prior opinion of the whole. So only the cell
whose labels stand for most products takes Kerman's neutral one (2011), of thirds, as the intervals
of Fay and Feuer (1997) do for weighted sums; the others take one label's worth of the mean of their
side. Numpy only; same counts, same result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from .cells import Cell

LEVEL = 0.95
# Misses found by lot; with fewer, the recall is only known to be at least so much.
TOLD_FROM = 3
WIDEST = 0.5  # a wider interval tells nothing
# Nothing is told of a side where hardly anything was judged by lot in more than this part of it.
NEGLIGIBLE = 0.05
_PRIOR = 1 / 3
_DRAWS = 4000
_SEED = 20_250_101


@dataclass(frozen=True)
class Figure:
    """A share with its interval (95% unless asked otherwise)."""

    value: float
    low: float
    high: float
    # Whether all of it was judged; intervals without width may also be luck.
    is_exact: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class AtLeast:
    """A share of which only the lower end of a one-sided interval is known."""

    low: float


@dataclass(frozen=True)
class Unknown:
    """These labels cannot tell; `why` is a sentence that says so."""

    why: str


@dataclass(frozen=True)
class CatalogueEstimate:
    """Shares from 0 to 1.

    prevalence: wrong among all products. precision: wrong among the flagged. recall: flagged among
    the wrong.
    """

    prevalence: Figure | Unknown
    precision: Figure | Unknown
    recall: Figure | AtLeast | Unknown
    flagged: int  # products
    judged: int  # of these
    wrong: int  # of these again
    passed: int
    passed_by_lot: int  # of these, those that were judged by lot
    unclear: int  # of the random sample: asked, and nobody could tell


Answer: TypeAlias = Figure | AtLeast | Unknown


def estimate(cells: Sequence[Cell], *, level: float = LEVEL) -> CatalogueEstimate:
    """Prevalence, precision and recall of the products in these cells."""
    flagged = [cell for cell in cells if cell.flagged]
    passed = [cell for cell in cells if not cell.flagged]
    likely = posterior(cells)
    silent = _silent(flagged, "are flagged", _NO_FLAGGED)
    precision: Figure | Unknown = silent or Unknown("Unknown: nothing is flagged.")
    if flagged and not silent:
        share = _wrong(flagged) / _size(flagged)
        precision = _figure(share, likely.precision, level, of=flagged)
    silent = _silent(passed, "passed", _NO_PASSED) or silent
    prevalence: Figure | Unknown = silent or Unknown("Unknown: no product has a score.")
    recall: Answer = prevalence
    if cells and not silent:
        share = (_wrong(flagged) + _wrong(passed)) / _size(cells)
        prevalence = _figure(share, likely.prevalence, level, of=cells)
        recall = _recall(flagged, passed, likely=likely, level=level)
    return CatalogueEstimate(
        prevalence,
        precision,
        recall,
        flagged=_size(flagged),
        judged=sum(cell.judged for cell in flagged),
        wrong=sum(cell.wrong for cell in flagged),
        passed=_size(passed),
        passed_by_lot=sum(cell.lot_judged for cell in passed),
        unclear=sum(cell.unclear for cell in cells),
    )


def _recall(
    flagged: Sequence[Cell], passed: Sequence[Cell], *, likely: Posterior, level: float
) -> Answer:
    misses = sum(cell.lot_wrong for cell in passed)
    is_census = not any(cell.unjudged for cell in passed)
    if misses < TOLD_FROM and not is_census:
        low = float(np.quantile(likely.recall[0], 1 - level))
        return AtLeast(low) if round(low, 2) else Unknown("Unknown: hardly anything was found yet.")
    wrong = _wrong(flagged) + _wrong(passed)
    if not wrong:
        return Unknown("Unknown: no mismatch was found.")
    return _figure(_wrong(flagged) / wrong, likely.recall, level, of=[*flagged, *passed])


# ── What the catalogue may hold ───────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Posterior:
    """Likely numbers of mismatches, [2, draws]: without the unclear, and with all of them."""

    flagged: int
    total: int
    hit: np.ndarray  # flagged and wrong
    missed: np.ndarray  # passed and wrong

    @property
    def prevalence(self) -> np.ndarray:
        """Wrong among all."""
        return (self.hit + self.missed) / max(self.total, 1)

    @property
    def precision(self) -> np.ndarray:
        """Wrong among the flagged."""
        return self.hit / max(self.flagged, 1)

    @property
    def recall(self) -> np.ndarray:
        """Flagged among the wrong; lowest with the unclear that passed wrong, the flagged right."""
        wrong = self.hit + self.missed[::-1]
        return np.divide(self.hit, wrong, out=np.ones_like(self.hit), where=wrong > 0)


def posterior(cells: Sequence[Cell], *, seed: int = _SEED, draws: int = _DRAWS) -> Posterior:
    """Draws of what the catalogue may hold, cell after cell, so reproducible."""
    rng = np.random.default_rng(seed)
    sums = {flag: np.zeros((2, draws)) for flag in (True, False)}
    for flag in sums:
        side = [cell for cell in cells if cell.flagged == flag]
        mean, heaviest = _mean(side), _heaviest(side)
        for cell in side:
            prior = (_PRIOR, _PRIOR) if cell is heaviest else (mean, 1 - mean)
            sums[flag] += likely_wrong(cell, rng, prior=prior, draws=draws)
    return Posterior(
        flagged=_size([cell for cell in cells if cell.flagged]),
        total=_size(cells),
        hit=sums[True],
        missed=sums[False],
    )


def likely_wrong(
    cell: Cell, rng: np.random.Generator, *, prior: tuple[float, float], draws: int
) -> np.ndarray:
    """Likely numbers of mismatches of a cell, as in `Posterior`; `prior`: labels of either kind."""
    drawn, bad = cell.drawn
    share = _share(bad + prior[0], drawn - bad + prior[1], rng, draws)
    doubt = _share(cell.unclear, cell.lot_judged + 0.5, rng, draws)
    left = cell.lot - cell.lot_judged
    unclear = np.maximum(rng.binomial(left, doubt, draws), cell.unclear)
    found = cell.lot_wrong + cell.open_wrong + rng.binomial(left - unclear, share)
    # The others as a whole are like the sample; what people chose among them is known.
    left = cell.others - cell.open_judged
    more = rng.binomial(left, doubt, draws)
    found += np.clip(rng.binomial(cell.others - more, share) - cell.open_wrong, 0, left - more)
    return np.stack([found, found + unclear + more]).astype(float)


def _share(some: float, others: float, rng: np.random.Generator, draws: int) -> np.ndarray:
    if not some or not others:
        return np.full(draws, float(some > 0))
    return rng.beta(some, others, draws)


# ── Sums over cells ───────────────────────────────────────────────────────────────────────────
def _mean(side: Sequence[Cell]) -> float:
    """The share of mismatches among what a side has not judged, by what speaks for it."""
    known = [cell for cell in side if cell.drawn[0]]
    sizes = [max(cell.unjudged, 1) for cell in known]
    wrong = sum(n * c.drawn[1] / c.drawn[0] for n, c in zip(sizes, known, strict=True))
    return wrong / sum(sizes) if known else 0.5


def _heaviest(side: Sequence[Cell]) -> Cell | None:
    """The cell one label of which stands for most products that were not judged."""
    return max(side, key=lambda cell: cell.unjudged / max(cell.drawn[0], 1), default=None)


def _wrong(side: Sequence[Cell]) -> float:
    """How many mismatches there are in a side, the most likely number."""
    mean, heaviest = _mean(side), _heaviest(side)
    return sum(_expected(cell, mean=mean, own=0 if cell is heaviest else 1) for cell in side)


def _expected(cell: Cell, *, mean: float, own: int) -> float:
    """Of a cell; the mean of the side counts as so many labels of its own."""
    drawn, bad = cell.drawn
    share = (bad + own * mean) / (drawn + own) if drawn + own else mean
    left = cell.others - cell.open_judged
    others = min(max(cell.others * share - cell.open_wrong, 0.0), left)
    return cell.lot_wrong + (cell.lot - cell.lot_judged) * share + cell.open_wrong + others


def _size(cells: Sequence[Cell]) -> int:
    return sum(cell.size for cell in cells)


# ── What may be told ──────────────────────────────────────────────────────────────────────────
def _figure(
    value: float, draws: np.ndarray, level: float, *, of: Sequence[Cell]
) -> Figure | Unknown:
    tail = (1 - level) / 2
    low = min(float(np.quantile(draws[0], tail)), value)
    high = max(float(np.quantile(draws[1], 1 - tail)), value)
    if high - low > WIDEST:
        return Unknown(f"Unknown: so few labels leave anything from {low:.0%} to {high:.0%} open.")
    return Figure(value, low, high, is_exact=not any(cell.unjudged for cell in of))


def _silent(side: Sequence[Cell], which: str, nothing: str) -> Unknown | None:
    """Why nothing is told of a side, or None."""
    unknown = sum(cell.unjudged for cell in side if not cell.is_known)
    if unknown <= NEGLIGIBLE * _size(side):
        return None
    if not any(cell.lot_judged for cell in side):
        return Unknown(nothing)
    return Unknown(
        f"Unknown: of {unknown:,} of the {_size(side):,} products that {which} hardly any was "
        "judged by lot yet."
    )


_NO_FLAGGED = "Unknown: of what is flagged nothing was judged by lot yet."
_NO_PASSED = (
    "Unknown: of what passed nothing was judged by lot yet, and what is flagged says nothing of "
    "what was missed."
)
