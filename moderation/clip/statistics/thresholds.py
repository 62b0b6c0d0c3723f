"""Thresholds by target: what an answer is, and the threshold for so many reviews a day.

A target that the labels at hand cannot warrant gives no threshold but a sentence that says so.
Those by precision are in `precision_threshold`, those by recall in `recall_threshold`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .scores_grid import Histogram

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


_Z95 = 1.6449  # of the normal distribution, one-sided


@dataclass(frozen=True)
class ChosenThreshold:
    """A threshold, and in a sentence what warrants it."""

    threshold: float
    sentence: str


@dataclass(frozen=True)
class NotEnoughLabels:
    """The labels cannot warrant the target; about `more` could.

    `takes_all`: there are fewer products than a sample takes, so what is left has to be judged.
    """

    sentence: str
    more: int
    takes_all: bool = False


@dataclass(frozen=True)
class OutOfReach:
    """The labels say that no threshold reaches the target."""

    sentence: str


ThresholdAnswer = ChosenThreshold | NotEnoughLabels | OutOfReach


def by_budget(catalogue: Histogram, *, reviews: float, arrivals: float) -> ChosenThreshold:
    """The threshold that sends about `reviews` of `arrivals` products a day to review.

    On the mean no more; a day may bring more. Taken for granted: what arrives scores like the
    catalogue. Raises ValueError for an empty one.
    """
    if not catalogue.total:
        raise ValueError("A review budget needs the scores of a catalogue.")
    share = min(reviews / arrivals, 1.0)
    threshold = catalogue.flagging(math.floor(share * catalogue.total))
    mean = arrivals * catalogue.below(threshold) / catalogue.total
    return ChosenThreshold(
        round(threshold, 3),
        f"Sends about {tidy(mean)} of {tidy(arrivals)} new products a day to review, on the mean: "
        f"by chance alone, one day in twenty brings more than {_busy_day(mean):,}, and so does a "
        "day on which more products come.",
    )


def _busy_day(mean: float) -> int:
    """What one day in twenty exceeds where products come by chance: Poisson's 95% quantile.

    By the expansion of Cornish and Fisher: nowhere below it, and at most one above.
    """
    return math.ceil(mean + _Z95 * math.sqrt(mean) + (_Z95**2 - 1) / 6 - 0.5) if mean else 0


def tidy(number: float) -> str:
    """One decimal below ten, where there is one: “3”, “3.4”, “1,235”."""
    whole = number >= 10 or round(number, 1) == round(number)
    return f"{number:,.0f}" if whole else f"{number:,.1f}"


def review_threshold(match_similarities: ArrayLike, *, flagged: float = 0.05) -> float:
    """The threshold at which this share of true matches is flagged (similarity < threshold)."""
    found = np.asarray(match_similarities, dtype=np.float64)
    if not found.size:
        raise ValueError("A threshold needs the similarity of at least one match.")
    return float(np.quantile(found, flagged, method="lower"))


def percent(share: float) -> str:
    """0.9 -> “90%”, 0.999 -> “99.9%”."""
    return f"{100 * share:.4g}%"
