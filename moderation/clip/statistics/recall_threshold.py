"""The lowest threshold of a target recall: tested from lax to strict."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .bounds import likely
from .catalogue_estimate import Posterior
from .cells import FEWEST, Answers, Cell, Listings, cells_of
from .scores_grid import STEP, candidates
from .thresholds import ChosenThreshold, NotEnoughLabels, OutOfReach, ThresholdAnswer, percent

# Who flags a part of the catalogue blindly finds that part of the mismatches. No threshold is
# chosen that flags more than so manieth part of what blind flagging would.
_BETTER_THAN_BLIND = 2
_PLACES = 40  # thresholds that are tested
_TRIED = 24  # numbers of labels, to see how many would do
_PLANS = 8  # thresholds for which they are tried
_TOLD_FROM = 20  # labels without which nothing can be planned


def by_recall(
    listings: Listings,
    answers: Answers,
    *,
    target: float,
    confidence: float | None = None,
    present: int,
) -> ThresholdAnswer:
    """The lowest threshold that flags at least this share of all mismatches, on the mean.

    Scores are steps of the grid. With `confidence`, so much of the posterior of the recall must
    lie above the target, else its mean. Thresholds are tested from lax to strict until one fails,
    so that looking at many costs no error; the tests begin where the labels by lot would show it if
    they held no miss. `present` is the threshold that holds.
    """
    looks = _looks(listings, answers, target=target, confidence=confidence)
    best, has_begun = None, False
    for look in reversed(looks):
        has_begun = has_begun or look.could_reach
        if has_begun and not look.reaches:
            break
        best = look if has_begun else None
    if best is not None:
        sure = "on the mean" if confidence is None else f"{percent(confidence)} sure"
        return ChosenThreshold(
            round(best.step * STEP, 3),
            f"Finds at least {percent(target)} of all mismatches ({sure}).",
        )
    now = _Look(listings, answers, present, target, confidence)
    return _refusal(looks, now, target=target, confidence=confidence)


@dataclass(frozen=True)
class _Look:
    """What is known where everything below one step of the grid is flagged."""

    listings: Listings
    answers: Answers
    step: int
    target: float
    confidence: float | None

    @cached_property
    def cells(self) -> list[Cell]:
        return cells_of(self.listings, self.answers, threshold=self.step)

    @cached_property
    def passed(self) -> list[Cell]:
        return [cell for cell in self.cells if not cell.flagged]

    @cached_property
    def by_lot(self) -> int:
        """Labels that speak for what passed."""
        return sum(cell.drawn[0] for cell in self.passed)

    @cached_property
    def size(self) -> int:
        return sum(cell.size for cell in self.passed)

    @cached_property
    def likely(self) -> Posterior:
        return likely(self.cells)

    @cached_property
    def reaches(self) -> bool:
        return self.holds(self.likely.recall[0])

    @cached_property
    def could_reach(self) -> bool:
        """Whether it would if no miss had been found."""
        if self.by_lot < FEWEST and any(cell.unjudged for cell in self.passed):
            return False
        best = [c if c.flagged else replace(c, lot_wrong=0, open_wrong=0) for c in self.cells]
        return self.holds(likely(best).recall[0])

    def holds(self, recalls: np.ndarray) -> bool:
        """Whether draws of the recall [n] are high enough."""
        if self.confidence is None:
            return bool(recalls.mean() >= self.target)
        return bool(np.quantile(recalls, 1 - self.confidence) >= self.target)

    def times(self) -> float | None:
        """With so many times the labels by lot it would, if misses stay as rare as now.

        None where not even all products judged by lot would show it, or none is.
        """
        if not self.by_lot:
            return None

        def would_reach(times: float) -> bool:
            return self.holds(likely([_scaled(cell, times) for cell in self.cells]).recall[0])

        tried = np.geomspace(1, max(self.size / self.by_lot, 1), _TRIED)[1:].tolist()
        place = bisect_left(tried, True, key=would_reach)
        return float(tried[place]) if place < len(tried) else None


def _scaled(cell: Cell, times: float) -> Cell:
    """With so many times its labels by lot, as far as there are products."""
    most = cell.size - cell.open_judged - cell.unclear
    judged = min(round(times * cell.lot_judged), most)
    lot = max(cell.lot, judged + cell.unclear)
    return replace(
        cell,
        lot=lot,
        lot_judged=judged,
        lot_wrong=round(cell.lot_wrong * judged / max(cell.lot_judged, 1)),
        others=cell.size - lot,
    )


def _looks(
    listings: Listings, answers: Answers, *, target: float, confidence: float | None
) -> list[_Look]:
    """From strict to lax, as far as they are worth it."""
    most = target / _BETTER_THAN_BLIND * listings.sizes.sum()
    return [
        _Look(listings, answers, step, target, confidence)
        for step in candidates(listings.scores, listings.sizes, places=_PLACES)
        if listings.sizes[listings.scores < step].sum() < most
    ]


# ── Why none was shown ────────────────────────────────────────────────────────────────────────
def _refusal(
    looks: list[_Look], now: _Look, *, target: float, confidence: float | None
) -> NotEnoughLabels | OutOfReach:
    """How many labels by lot would do, counted where products pass at present."""
    wanted = f"a recall of {percent(target)}"
    wanted += "" if confidence is None else f" with {percent(confidence)} confidence"
    there = now.by_lot
    plans = looks[:: -max(len(looks) // _PLANS, 1)]
    times = [found for look in plans if (found := look.times())]
    is_census = not any(cell.unjudged for cell in now.cells)
    if is_census or (not times and there >= _TOLD_FROM):
        return OutOfReach(
            f"By the labels so far no threshold that flags less than "
            f"{percent(target / _BETTER_THAN_BLIND)} of the catalogue has {wanted}. Choose a lower "
            "recall, let more of what passed be judged, or train the model."
        )
    needed = max(math.ceil(min(times, default=1) * there), _TOLD_FROM, there + 1)
    if needed > now.size:
        return _judge_all(now, wanted, needed)
    return NotEnoughLabels(
        f"Not enough labels: {wanted} needs about {needed:,} judged by lot among what passed, "
        f"there {'is' if there == 1 else 'are'} {there:,}.",
        needed - there,
    )


def _judge_all(now: _Look, wanted: str, needed: int) -> NotEnoughLabels:
    """Where fewer products pass than would have to be judged of them."""
    left = sum(cell.unjudged for cell in now.passed)
    if not left:
        left = sum(cell.unjudged for cell in now.cells)
        return NotEnoughLabels(
            f"Not enough labels: all that passes is judged, and of what is flagged {left:,} "
            f"{'is' if left == 1 else 'are'} not; judge them too, and {wanted} is counted.",
            left,
            takes_all=True,
        )
    return NotEnoughLabels(
        f"Not enough labels: {wanted} takes a sample of about {needed:,} of what passes, and "
        f"{now.size:,} product{' passes' if now.size == 1 else 's pass'}: judge them all "
        f"({left:,} more), and what was missed is known.",
        left,
        takes_all=True,
    )
