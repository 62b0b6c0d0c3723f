"""Whether the catalogue or the model's hold on it has changed: alarms with a known false rate."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from .catalogue_estimate import posterior
from .cells import Cell

# An unchanged catalogue raises an alarm in at most about one look in a hundred, all tests together.
FALSE_ALARMS = 0.01
_TESTS = 3
_POWER = 0.8

# A smaller shift of the scores is no alarm, however sure (Siddiqi 2006: 0.1 small, 0.25 large).
PSI_MATTERS = 0.2
_BINS = 10


def share_changed(before: Sequence[Cell], now: Sequence[Cell], *, what: str) -> bool:
    """Whether `what` ("prevalence" or "precision") surely differs between two parts of a catalogue.

    The interval of the difference, at the level that keeps `FALSE_ALARMS`, excludes zero.
    """
    low, high = _difference(before, now, what=what)
    tail = FALSE_ALARMS / _TESTS / 2
    return bool(np.quantile(low, tail) > 0 or np.quantile(high, 1 - tail) < 0)


def noticed(before: Sequence[Cell], now: Sequence[Cell], *, what: str) -> float:
    """A change of this size would be noticed in four cases of five."""
    low, high = _difference(before, now, what=what)
    z = NormalDist().inv_cdf(1 - FALSE_ALARMS / _TESTS / 2) + NormalDist().inv_cdf(_POWER)
    return float(z * max(low.std(), high.std()) + (high.mean() - low.mean()) / 2)


def _difference(
    before: Sequence[Cell], now: Sequence[Cell], *, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Draws of its least and its greatest change, with the unclear on whatever side, [draws]."""
    previous = getattr(posterior(before, seed=1), what)
    present = getattr(posterior(now, seed=2), what)
    return present[0] - previous[1], present[1] - previous[0]


def stability_index(before: np.ndarray, now: np.ndarray) -> float:
    """The population stability index of scores over the tenths of `before`; 0: the same."""
    edges = np.quantile(before, np.linspace(0, 1, _BINS + 1)[1:-1])
    previous, present = (_shares(scores, edges) for scores in (before, now))
    return float(np.sum((present - previous) * np.log(present / previous)))


def scores_changed(before: np.ndarray, now: np.ndarray) -> bool:
    """Whether scores are spread otherwise than before: enough to matter, and more than by chance.

    Among equal catalogues, n m / (n + m) times the index follows a chi-squared law with one degree
    less than there are bins (Yurdakul 2018); its quantile by Wilson and Hilferty (1931), which asks
    for 0.4% more than the exact one of SciPy.
    """
    degrees = _BINS - 1
    z = NormalDist().inv_cdf(1 - FALSE_ALARMS / _TESTS)
    chi = degrees * (1 - 2 / (9 * degrees) + z * (2 / (9 * degrees)) ** 0.5) ** 3
    by_chance = chi * (1 / len(before) + 1 / len(now))
    return stability_index(before, now) > max(PSI_MATTERS, by_chance)


def _shares(scores: np.ndarray, edges: np.ndarray) -> np.ndarray:
    counts = np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1)
    return (counts + 0.5) / (len(scores) + 0.5 * len(counts))
