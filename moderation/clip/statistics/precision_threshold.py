"""The highest threshold of a target precision: what is counted, and a test of the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .binomial import labels_for
from .bounds import least_wrong
from .cells import FEWEST, UNCLEAR, WRONG, Answers, Cell, Listings, cells_of
from .scores_grid import STEP, candidates
from .thresholds import ChosenThreshold, NotEnoughLabels, OutOfReach, ThresholdAnswer, percent

# Learn-then-Test begins at several strictnesses, so that one unlucky label among the few at the
# strictest does not end it; each has its part of the error (Bonferroni).
_STARTS = (1, 2, 4, 8)


def by_precision(
    listings: Listings,
    answers: Answers,
    *,
    target: float,
    confidence: float,
    of_new: bool = False,
) -> ThresholdAnswer:
    """The highest threshold whose flagged products are mismatches with at least this share.

    Scores are steps of the grid. What was judged is counted; of the rest at least so much is wrong
    as the labels by lot show. Where the counted alone reach the target nothing is left to err.
    Others are tested from strict to lax until one fails (Learn then Test, Angelopoulos et al.
    2021). With probability `confidence` the precision in the catalogue is at least the target;
    `of_new`: that of products still to come, so what was counted is a sample too.

    So few labels as would show nothing in a sample flag nothing, unless there are no more to have:
    where the catalogue is smaller, or was judged as a whole.
    """
    needed = _least(target=target, confidence=confidence)
    told, products = int((answers.said != UNCLEAR).sum()), int(listings.sizes.sum())
    is_small = 0 < products < needed or 0 < products == told
    least = 1 if is_small and not of_new else needed
    looks = [
        _Look(listings, answers, step, of_new)
        for step in candidates(listings.scores, listings.sizes)
    ]
    tested = [look for look in looks if look.judged >= least]
    passed = [look.step for look in tested if look.surely(target)]
    level = (1 - confidence) / len(_STARTS)
    open_to_error = [look for look in tested if look.may_reach(target) and not look.surely(target)]
    for fewest in _begins(open_to_error, target=target, level=level):
        for look in open_to_error:
            if look.by_lot < fewest:
                continue
            if not look.shows(target, level=level):
                break
            passed.append(look.step)
    if passed:
        return ChosenThreshold(
            round(max(passed) * STEP, 3),
            f"Of what is flagged, at least {percent(target)} is a mismatch "
            f"({percent(confidence)} sure).",
        )
    wanted = f"a precision of {percent(target)} with {percent(confidence)} confidence"
    if least < needed and told < products:
        return _judge_all(wanted, needed, products=products, left=products - told)
    return _refusal(looks, least, target=target, wanted=wanted, level=level)


@dataclass(frozen=True)
class _Look:
    """What is known of the products below one step of the grid."""

    listings: Listings
    answers: Answers
    step: int
    of_new: bool

    @cached_property
    def size(self) -> int:
        return int(self.listings.sizes[self.listings.scores < self.step].sum())

    @cached_property
    def judged(self) -> int:
        return int((self._said != UNCLEAR).sum())

    @cached_property
    def wrong(self) -> int:
        return int((self._said == WRONG).sum())

    @cached_property
    def _said(self) -> np.ndarray:
        return self.answers.said[self.answers.scores < self.step]

    @cached_property
    def cells(self) -> list[Cell]:
        found = cells_of(self.listings, self.answers, threshold=self.step)
        return [cell for cell in found if cell.flagged]

    @cached_property
    def by_lot(self) -> int:
        """Labels that speak for what was not judged."""
        if self.of_new:
            return self.judged
        return sum(cell.drawn[0] for cell in self.cells if cell.unjudged)

    def surely(self, target: float) -> bool:
        """Whether what is counted reaches it, whatever the rest may be."""
        return not self.of_new and self.wrong >= target * self.size

    def may_reach(self, target: float) -> bool:
        return self.wrong + self.size - self.judged >= target * self.size

    def shows(self, target: float, *, level: float) -> bool:
        found = least_wrong(self.cells, level=level, of_new=self.of_new)
        return found >= target * self.size

    def could_show(self, target: float, *, level: float) -> bool:
        """Whether it would if all labels that speak for others were mismatches."""
        cells = [_all_wrong(cell) for cell in self.cells]
        return least_wrong(cells, level=level, of_new=self.of_new) >= target * self.size


def _all_wrong(cell: Cell) -> Cell:
    return Cell(
        flagged=True,
        lot=cell.lot,
        lot_judged=cell.lot_judged,
        lot_wrong=cell.lot_judged,
        others=cell.others,
        open_judged=cell.open_judged,
        open_wrong=cell.open_judged,
        unclear=cell.unclear,
    )


def _begins(looks: Sequence[_Look], *, target: float, level: float) -> list[int]:
    """From how many labels on the tests begin: known before any of these labels is read."""
    first = next((look for look in looks if look.could_show(target, level=level)), None)
    return [] if first is None else [max(first.by_lot, FEWEST) * times for times in _STARTS]


def _least(*, target: float, confidence: float) -> int:
    """So many without a single error would show it, were they a sample."""
    return max(math.ceil(math.log(1 - confidence) / math.log(target) - 1e-9), FEWEST)


# ── Why none was shown ────────────────────────────────────────────────────────────────────────
def _judge_all(wanted: str, needed: int, *, products: int, left: int) -> NotEnoughLabels:
    """Of a catalogue that holds fewer products than a sample would take."""
    return NotEnoughLabels(
        f"Not enough labels: {wanted} takes a sample of at least {needed:,}, and this shop has "
        f"{products:,} product{'' if products == 1 else 's'}: judge them all ({left:,} more), and "
        "the figures are exact.",
        left,
        takes_all=True,
    )


def _refusal(
    looks: Sequence[_Look], least: int, *, target: float, wanted: str, level: float
) -> NotEnoughLabels | OutOfReach:
    """Too few labels, and how many would do, or too many errors."""
    most = max((look.judged for look in looks), default=0)
    if most < least:
        there = max((look.size for look in looks), default=0)
        return NotEnoughLabels(
            f"Not enough labels: {wanted} needs at least {least:,} judged products with low "
            f"scores, there {_are(most)}; judge {least - most:,} more."
            f"{_to_come(least, of=there)}",
            least - most,
        )
    rows = [look for look in looks if look.judged >= least]
    hopeful = [look for look in rows if look.wrong > target * look.judged]
    if hopeful:
        look = min(hopeful, key=lambda one: _more(one, target=target, level=level))
        more = _more(look, target=target, level=level)
        return NotEnoughLabels(
            f"Not enough labels: {wanted} needs about {look.judged + more:,} judged products below "
            f"{look.step * STEP:.3f}, if errors stay as rare as now. There {_are(look.judged)}, "
            f"{percent(look.wrong / look.judged)} of them mismatches; judge {more:,} more."
            f"{_to_come(look.judged + more, of=look.size)}",
            more,
        )
    best = max(rows, key=lambda one: one.wrong / one.judged)
    return OutOfReach(
        f"No threshold shows {wanted}: among the lowest scores, below {best.step * STEP:.3f}, "
        f"{percent(best.wrong / best.judged)} of {best.judged:,} judged products are mismatches. "
        "Choose a lower precision, look at those decisions again, or train the model."
    )


def _more(look: _Look, *, target: float, level: float) -> int:
    """So many more labels show it: all that is left there, or a sample large enough."""
    if look.of_new:
        share = look.wrong / look.judged
        return labels_for(target, share=share, level=level, above=look.judged) - look.judged
    return max(look.size - look.judged, 1)


def _to_come(needed: int, *, of: int) -> str:
    """Where there are fewer products than labels are needed: that others must come in first."""
    if needed <= of:
        return ""
    score = f"{of:,} product{' scores' if of == 1 else 's score'}"
    return f" Only {score} so now: {needed - of:,} more would have to come in."


def _are(count: int) -> str:
    return f"{'is' if count == 1 else 'are'} {count:,}"
