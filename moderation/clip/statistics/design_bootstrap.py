"""How far a figure would move with another sample: pairs are drawn again as they were drawn.

The catalogue is divided into cells (`design.Design`), and of each some pairs were drawn by lot,
whatever was found to be true of them. So each cell is drawn again by itself, matches and mismatches
together: every group of pairs gets a random share of the products that the pairs of the cell stand
for (Rubin 1981; Rao and Wu 1988 for samples by strata), the more alike the more of the cell was
judged. Where a pair stands for nothing but itself, nothing moves.

What no pair of a cell has shown yet may be there all the same: a missed mismatch among forty that
each stand for fifty. So each draw comes twice, once with a label's worth of the opposite truth and
of the opposite flag for the pairs of the cell, and once without; an interval holds both, as those
of Fay and Feuer (1997) do for weighted sums. The prior is that of `catalogue_estimate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .design import Design

TIMES = 1000
_CELLS = 4_000_000  # of one block of draws: 32 MB in float64
_PRIOR = 1 / 3
_LEAST = 0.2  # of the shape of a group's share, where two groups are all that a cell has
# Each pair three times: as it is, with the opposite label, with the opposite flag.
COPIES = 3

# Weights [2, b, COPIES * n] to the [2, b] values of each figure.
Measure = Callable[[np.ndarray], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Redrawing:
    """`times` draws of n pairs in the way in which they were drawn; the same at every use.

    Without a design all pairs are one sample of something endless. `flagged` None: the flags are
    the sides of the design, so nobody is in doubt about them.
    """

    labels: np.ndarray  # [n] 1 match, 0 mismatch
    weights: np.ndarray  # [n] how many products each stands for
    groups: Sequence[str]  # of each pair; these rise and fall together
    design: Design | None
    flagged: np.ndarray | None  # [n] bool
    times: int = TIMES
    seed: int = 0

    def spread(self, figures: Measure) -> dict[str, np.ndarray]:
        """Each figure's value in every draw, with the prior and without, [2, times]."""
        found = [figures(block) for block in self._blocks()]
        return {name: np.concatenate([part[name] for part in found], axis=-1) for name in found[0]}

    def _blocks(self) -> Iterator[np.ndarray]:
        """The weights of each draw [2, b, COPIES * n], block by block to bound the memory."""
        rng = np.random.default_rng(self.seed)
        step = max(1, _CELLS // max(1, 2 * COPIES * len(self.labels)))
        for start in range(0, self.times, step):
            yield self._drawn(rng, min(step, self.times - start))

    def _drawn(self, rng: np.random.Generator, times: int) -> np.ndarray:
        count = len(self.labels)
        weights = np.zeros((2, times, COPIES * count))
        _names, group = np.unique(np.asarray(self.groups), return_inverse=True)
        cells = [np.flatnonzero(self._cells == cell) for cell in np.unique(self._cells)]
        shapes = np.full(len(_names), np.inf)
        for rows in cells:
            shape = self._shape(rows, len(np.unique(group[rows])))
            shapes[group[rows]] = np.minimum(shapes[group[rows]], shape)
        weights[:, :, :count] = self.weights
        moving = np.isfinite(shapes)
        shares = np.ones((times, len(_names)))
        shares[:, moving] = rng.gamma(shapes[moving], size=(times, int(moving.sum())))
        priors = self._priors()
        for rows in cells:
            if self._is_settled(rows):
                continue
            total = self.weights[rows].sum()
            real = shares[:, group[rows]] * self.weights[rows] * (len(rows) / total)
            real *= len(np.unique(group[rows])) / len(rows)
            copies = np.concatenate([rows + count, rows + 2 * count])
            doubt = rng.gamma(priors[copies - count], size=(times, len(copies)))
            whole = real.sum(axis=1, keepdims=True)
            weights[1][:, rows] = total * real / whole
            whole = whole + doubt.sum(axis=1, keepdims=True)
            weights[0][:, rows], weights[0][:, copies] = total * real / whole, total * doubt / whole
        return weights

    # ── What each cell is ─────────────────────────────────────────────────────────────────────
    @property
    def _cells(self) -> np.ndarray:
        return np.zeros(len(self.labels), int) if self.design is None else self.design.cells

    @property
    def _own(self) -> np.ndarray:
        """[n] what stands for nothing but itself."""
        return self._cells < 0

    def _shape(self, rows: np.ndarray, groups: int) -> float:
        """Of the gamma law of a group's share: the spread is then that of a sample of so many."""
        if self.design is None:
            return max((groups - 2) / groups, _LEAST)
        if self._is_settled(rows):
            return np.inf
        return ((groups + 1) / self._left(rows) - 1) / groups

    def _is_settled(self, rows: np.ndarray) -> bool:
        """Whether all that these pairs stand for was judged."""
        return bool(self._own[rows].any()) or (self.design is not None and not self._left(rows))

    def _left(self, rows: np.ndarray) -> float:
        """Of what they stand for, the part that was not judged."""
        left = 1 - len(rows) / float(self.weights[rows].sum())
        return left if left > 1e-9 else 0.0

    def _priors(self) -> np.ndarray:
        """[2n] how much of a label each pair gives to the opposite truth, then to that flag."""
        found = np.zeros((2, len(self.labels)))
        if self.design is None:
            return found.ravel()
        for side in (True, False):
            cells = [
                np.flatnonzero(self._cells == cell)
                for cell in np.unique(self._cells[~self._own])
                if self.design.flagged[cell] == side
            ]
            if not cells:
                continue
            heaviest = max(cells, key=lambda rows: float(self.weights[rows].mean()))
            for place, values in enumerate((np.asarray(self.labels) == 0, self.flagged)):
                if values is None:
                    continue
                inside = np.concatenate(cells)
                mean = float(np.average(values[inside], weights=self.weights[inside]))
                for rows in cells:
                    is_heaviest = rows is heaviest
                    some, none = (_PRIOR, _PRIOR) if is_heaviest else (mean, 1 - mean)
                    yes = values[rows]
                    found[place, rows[yes]] = none / max(int(yes.sum()), 1)
                    found[place, rows[~yes]] = some / max(int((~yes).sum()), 1)
        return found.ravel()
