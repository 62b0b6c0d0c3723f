"""What labels tell of thresholds: precision and recall of a catalogue, with intervals.

Labels are no random draw from the catalogue: the most suspicious are judged first, and of what
passed only a random audit. Each label therefore counts 1 / (probability that its product was
chosen), and within bands of similar scores the labels are weighted to the number of products
there (post-stratification): the part of a band that was judged stands for the whole of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import NormalDist

import numpy as np

from .weights import effective_size

STEP = 0.001  # thresholds lie on this grid
TOLD_FROM = 20  # labels below which no share is told; of what passed: labels of the audit
_PER_BAND = 5  # labels in a band of scores
_DRAWS = 4000


def grid(similarity: float) -> int:
    """The step of the grid that holds a similarity."""
    return math.floor(similarity / STEP + 1e-9)


@dataclass(frozen=True)
class Histogram:
    """How many products score in each step of the grid: `counts[i]` from (low + i) * STEP on."""

    low: int
    counts: np.ndarray  # [steps] int

    @classmethod
    def of(cls, steps: np.ndarray, counts: np.ndarray | None = None) -> Histogram:
        """From steps of the grid [n], each standing for one product or for `counts` [n]."""
        if not len(steps):
            return cls(0, np.zeros(0, dtype=np.int64))
        low = int(steps.min())
        found = np.bincount(steps - low, weights=counts)
        return cls(low, found.astype(np.int64))

    @cached_property
    def total(self) -> int:
        return int(self.counts.sum())

    @cached_property
    def _before(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(self.counts)])

    def below(self, threshold: float) -> int:
        """How many products score below it (a value on the grid, as all thresholds here)."""
        step = round(threshold / STEP) if math.isfinite(threshold) else _endless(threshold)
        return int(self._before[min(max(step - self.low, 0), len(self.counts))])

    def flagging(self, count: int) -> float:
        """The highest threshold below which no more than so many products score."""
        place = int(np.searchsorted(self._before, count, side="right")) - 1
        return (self.low + place) * STEP


def _endless(threshold: float) -> int:
    return 10**6 if threshold > 0 else -(10**6)


@dataclass(frozen=True)
class Estimate:
    """A share with its interval, and how many labels it stands on."""

    value: float
    low: float
    high: float
    labels: int


@dataclass(frozen=True)
class LabelledScores:
    """n judged pairs: similarity, whether a mismatch, 1 / probability, whether drawn at random."""

    similarities: np.ndarray
    wrong: np.ndarray  # bool
    weights: np.ndarray
    audit: np.ndarray  # bool

    def __len__(self) -> int:
        return len(self.wrong)

    @property
    def audited(self) -> int:
        return int(self.audit.sum())

    def spread_over(self, catalogue: Histogram) -> LabelledScores:
        """The same labels, weighted to the products in each band of scores."""
        if not len(self) or not catalogue.total:
            return self
        steps = np.array([grid(float(s)) for s in self.similarities])
        end = math.inf if self.audited >= TOLD_FROM else (int(steps.max()) + 1) * STEP
        edges = [-math.inf, *_cuts(np.sort(steps)), end]
        weights = self.weights.copy()
        for low, high in pairwise(edges):
            inside = (steps >= low / STEP - 0.5) & (steps < high / STEP - 0.5)
            products = catalogue.below(high) - catalogue.below(low)
            if inside.any() and products:
                weights[inside] *= products / weights[inside].sum()
        return LabelledScores(self.similarities, self.wrong, weights, self.audit)


def _cuts(steps: np.ndarray) -> list[float]:
    """Half-way between every fifth label (in rising order) and the next, each once."""
    last = steps[_PER_BAND - 1 : -_PER_BAND : _PER_BAND]
    following = steps[_PER_BAND : len(steps) - _PER_BAND + 1 : _PER_BAND]
    return sorted(
        {
            (int(a) + int(b)) // 2 * STEP + STEP
            for a, b in zip(last, following, strict=True)
            if a < b
        }
    )


def precision(
    labels: LabelledScores, threshold: float, *, confidence: float = 0.95
) -> Estimate | None:
    """Share of mismatches among what scores below; None where hardly any label does.

    Interval: Wilson's, with the effective number of labels.
    """
    below = labels.similarities < threshold
    if below.sum() < TOLD_FROM:
        return None
    share, size = mismatch_share(labels, below)
    return Estimate(share, *wilson(share, size, confidence=confidence), labels=int(below.sum()))


def recall(
    labels: LabelledScores, threshold: float, *, confidence: float = 0.95
) -> Estimate | None:
    """Share of all mismatches that scores below; None while no audit shows what passes.

    `labels` must be spread over the catalogue. Interval: quantiles of Jeffreys' posterior of the
    shares of mismatches below and above, each with its effective number of labels; so finding
    none among a few audited passes is not taken for there being none.
    """
    below = labels.similarities < threshold
    if labels.audited < TOLD_FROM or not labels.wrong.any():
        return None
    random = np.random.default_rng(0)
    found = _drawn(labels, below, random)
    missed = _drawn(labels, ~below, random)
    low, high = np.quantile(found / (found + missed), [(1 - confidence) / 2, (1 + confidence) / 2])
    wrong = labels.weights * labels.wrong
    value = float(wrong[below].sum() / wrong.sum())
    count = int(labels.wrong.sum())
    return Estimate(value, min(float(low), value), max(float(high), value), labels=count)


def mismatch_share(labels: LabelledScores, chosen: np.ndarray) -> tuple[float, float]:
    """Share of mismatches among the chosen, and how many equally weighted labels say so."""
    weights = labels.weights[chosen]
    return float(weights @ labels.wrong[chosen] / weights.sum()), effective_size(weights)


def _drawn(labels: LabelledScores, chosen: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draws of how many mismatches there are in one part of the catalogue."""
    if not chosen.any():
        return np.zeros(_DRAWS)
    share, size = mismatch_share(labels, chosen)
    rate = random.beta(share * size + 0.5, (1 - share) * size + 0.5, _DRAWS)
    return np.asarray(labels.weights[chosen].sum() * rate)


def wilson(share: float, size: float, *, confidence: float) -> tuple[float, float]:
    """Wilson's interval (1927) of a share in `size` labels, whole or not (SciPy wants counts)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z / (1 + z * z / size) * math.sqrt(share * (1 - share) / size + (z / (2 * size)) ** 2)
    return max(0.0, centre - half), min(1.0, centre + half)
