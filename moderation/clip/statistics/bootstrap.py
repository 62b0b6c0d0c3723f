"""How far a figure would move with other pairs of the same kind: the bootstrap (Efron 1979).

Whole groups are drawn, since pairs of one product family rise and fall together. They are drawn
within strata (groups of matches only, of mismatches only, mixed; by the caller's own stratum too),
so that every resample holds both classes in about the proportion of the data. SciPy's bootstrap
knows neither groups nor strata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

TIMES = 1000
_CELLS = 4_000_000  # of one block of resamples: 32 MB in float64
_TOO_MANY_UNKNOWN = 0.05

# Weights [b, n] to the b values of each figure.
Measure = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Resampling:
    """`times` resamples of n pairs, the same at every use: two models meet the same pairs."""

    labels: np.ndarray  # [n] 1 match, 0 mismatch
    weights: np.ndarray  # [n] of each pair, times how often it was drawn
    groups: Sequence[str] | None = None  # of each pair; None: each pair stands alone
    strata: Sequence[str] | None = None  # of each pair, for instance how it was sampled
    times: int = TIMES
    seed: int = 0

    def blocks(self) -> Iterator[np.ndarray]:
        """The resampled weights [b, n], block by block, so that memory stays bounded."""
        rng = np.random.default_rng(self.seed)
        group, stratum = self._groups()
        members = [np.flatnonzero(stratum == number) for number in np.unique(stratum)]
        step = max(1, _CELLS // max(1, len(self.labels)))
        for start in range(0, self.times, step):
            size = min(step, self.times - start)
            drawn = np.zeros((size, len(stratum)))
            for places in members:
                drawn[:, places] = _draws(rng, size, len(places))
            yield drawn[:, group] * self.weights

    def _groups(self) -> tuple[np.ndarray, np.ndarray]:
        """[n] the number of each pair's group, and [g] the number of each group's stratum."""
        count = len(self.labels)
        names = self.groups if self.groups is not None else range(count)
        _names, group = np.unique(np.asarray(names), return_inverse=True)
        wrong = np.asarray(self.labels) == 0
        kind = np.zeros((group.max() + 1, 2), dtype=bool) if count else np.zeros((0, 2), bool)
        kind[group[wrong], 0] = True
        kind[group[~wrong], 1] = True
        own = np.zeros(len(kind), dtype=int)
        if self.strata is not None:
            _strata, number = np.unique(np.asarray(self.strata), return_inverse=True)
            own[group] = number  # a group across strata counts to that of its last pair
        return group, own * 4 + kind[:, 0] * 2 + kind[:, 1]

    def spread(self, figures: Measure) -> dict[str, np.ndarray]:
        """Each figure's value in every resample, [times]."""
        found = [figures(block) for block in self.blocks()]
        return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _draws(rng: np.random.Generator, times: int, count: int) -> np.ndarray:
    """[times, count]: how often each of `count` things comes up in `count` draws."""
    chosen = rng.integers(count, size=(times, count)) + np.arange(times)[:, None] * count
    return np.bincount(chosen.ravel(), minlength=times * count).reshape(times, count)


def interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float] | None:
    """The percentile interval, or None where the figure is unknown in too many resamples."""
    known = values[np.isfinite(values)]
    if len(known) < (1 - _TOO_MANY_UNKNOWN) * len(values):
        return None
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def lower_bound(values: np.ndarray, *, level: float) -> float:
    """What the figure exceeds with this confidence (one-sided percentile)."""
    return float(np.quantile(values[np.isfinite(values)], 1 - level))


def p_fallen(difference: float, values: np.ndarray) -> float:
    """One-sided p of "it did not fall" for a difference with these bootstrap values.

    By the normal law with the bootstrap's spread, which also resolves the small levels that a
    correction for many comparisons requires.
    """
    spread = float(np.nanstd(values))
    if spread == 0:
        return 1.0 if difference >= 0 else 0.0
    return NormalDist().cdf(difference / spread)


def holm(p_values: Sequence[float], *, level: float = 0.05) -> list[bool]:
    """Which of these hold as findings when all are looked at (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    found = [False] * len(p_values)
    for rank, place in enumerate(order):
        if p_values[place] > level / (len(p_values) - rank):
            break
        found[place] = True
    return found
