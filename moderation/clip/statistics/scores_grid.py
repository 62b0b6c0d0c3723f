"""The grid on which thresholds lie, and how a catalogue's scores lie on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

STEP = 0.001
PLACES = 160  # thresholds that are compared


def grid(similarity: float) -> int:
    """The step of the grid that holds a similarity."""
    return math.floor(similarity / STEP + 1e-9)


def on_grid(threshold: float) -> float:
    """A threshold in steps: what scores below it is flagged."""
    return round(threshold / STEP) if math.isfinite(threshold) else threshold


def candidates(steps: np.ndarray, sizes: np.ndarray, *, places: int = PLACES) -> list[int]:
    """Thresholds worth a comparison, in steps from strict to lax: each flags some part more.

    `steps`, `sizes` [g] are a catalogue's.
    """
    if not len(steps):
        return []
    order = np.argsort(steps, kind="stable")
    below = np.cumsum(sizes[order])
    chosen = np.searchsorted(below, np.geomspace(1, below[-1], places))
    found = steps[order][np.minimum(chosen, len(below) - 1)]
    return np.unique(found + 1).astype(int).tolist()


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
