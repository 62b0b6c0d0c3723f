"""For how many products of a catalogue each judged one stands.

A label that was given by lot stands for the products of its cell; where a cell was judged as a
whole, every label of it does. What was judged for another reason stands for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .catalogue_estimate import Unknown, estimate
from .cells import UNCLEAR, Answers, Part


@dataclass(frozen=True)
class Design:
    """From which of c cells of a catalogue each of n labels was drawn; -1: from none."""

    cells: np.ndarray  # [n] int
    sizes: np.ndarray  # [c] products
    flagged: np.ndarray  # [c] bool

    @property
    def weights(self) -> np.ndarray:
        """[n] for how many products each label stands; those of no cell for none."""
        counts = np.bincount(self.cells[self.cells >= 0], minlength=len(self.sizes))
        each = np.divide(self._spoken_for(counts), counts, where=counts > 0, out=1.0 * counts)
        return np.where(self.cells >= 0, np.append(each, 0.0)[self.cells], 0.0)

    def _spoken_for(self, counts: np.ndarray) -> np.ndarray:
        """[c] the products for which the labels of each cell stand.

        A cell without a label is left to the others of its side.
        """
        found = np.where(counts > 0, self.sizes, 0).astype(float)
        for side in (self.flagged, ~self.flagged):
            if found[side].any():
                found[side] *= self.sizes[side].sum() / found[side].sum()
        return found

    def of(self, rows: np.ndarray) -> Design:
        """The design of some of the labels."""
        return Design(self.cells[rows], self.sizes, self.flagged)


def design_of(parts: Sequence[Part], answers: Answers, *, only_by_lot: bool = False) -> Design:
    """Which answers speak for which cell; of a census all, or `only_by_lot` as elsewhere."""
    cells = np.full(len(answers.scores), -1)
    told = answers.said != UNCLEAR
    for number, part in enumerate(parts):
        speaks = answers.by_lot | (part.cell.is_census and not only_by_lot)
        cells[part.holds(answers) & told & speaks] = number
    return Design(
        cells,
        sizes=np.array([part.cell.size for part in parts], dtype=int),
        flagged=np.array([part.cell.flagged for part in parts], dtype=bool),
    )


def why_not(parts: Sequence[Part]) -> str:
    """Why the labels do not stand for the whole catalogue yet, a sentence; "" where they do."""
    told = estimate([part.cell for part in parts]).prevalence
    return told.why if isinstance(told, Unknown) else ""
