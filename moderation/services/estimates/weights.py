"""For how many products of the present catalogue each label stands: the analysis weight.

The cells are those of `figures`. A label that was given by lot stands for the products of its cell,
divided among the labels of the cell; what was judged for another reason stands for none, unless its
cell was judged as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from moderation.clip.statistics import design as designs
from moderation.clip.statistics.cells import parts_of
from moderation.clip.statistics.design import Design

from . import present
from .figures import AT_THEIR_THRESHOLDS


@dataclass(frozen=True)
class Weights:
    """Decision -> products that its label stands for, in all `products`; or why none does yet."""

    by_decision: dict[int, float]
    products: int
    why_not: str = ""

    def of(self, decision: int) -> float:
        """0 for what was judged for another reason, or is not the product's present label."""
        return self.by_decision.get(decision, 0.0)


@dataclass(frozen=True)
class Lots:
    """The products that were judged by lot, with where each stands in the design of them all."""

    places: dict[int, int]  # product, by key -> its place
    design: Design


def of_labels() -> Weights:
    """The weight of each label of the present catalogue.

    With these weights the share of mismatches is that of the catalogue; so they are all 0 as long
    as that is unknown.
    """
    judged = present.each_judged()
    listings, answers = judged.reading.listings, judged.reading.answers
    parts = parts_of(listings, answers, threshold=AT_THEIR_THRESHOLDS)
    products = int(listings.sizes.sum())
    if why := designs.why_not(parts):
        return Weights({}, products, why)
    weights = designs.design_of(parts, answers).weights
    rows = np.flatnonzero(weights)
    by_decision = {int(judged.decisions[row]): float(weights[row]) for row in rows}
    return Weights(by_decision, products)


def by_lot() -> Lots:
    """What was judged by lot, however much else was judged of its cell."""
    judged = present.each_judged()
    listings, answers = judged.reading.listings, judged.reading.answers
    design = designs.design_of(
        parts_of(listings, answers, threshold=AT_THEIR_THRESHOLDS), answers, only_by_lot=True
    )
    rows = np.flatnonzero(design.cells >= 0)
    return Lots(
        {int(judged.products[row]): place for place, row in enumerate(rows)}, design.of(rows)
    )
