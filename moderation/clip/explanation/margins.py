"""How much may be said by a model: the margins of its explanations, measured on listings.

Cosines and logits mean something else in every model, so nothing here is a constant that was chosen
for one: each margin is the least figure from which on the model was right often enough on listings
whose kind is known (`measure.py`). None: it never was, so that is never said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

FEWEST = 10  # listings: of fewer no share is taken


@dataclass(frozen=True)
class KindMargins:
    """Leads, in logits, of the best other kind over the listing's own."""

    doubt: float | None = None  # from here on the own kind is improbable
    wrong: float | None = None  # from here on it may be said that it does not fit

    def doubts(self, lead: float | None) -> bool:
        """Whether the listing's own kind is improbable; not where there is none to ask about."""
        return reaches(lead, self.doubt)

    def denies(self, lead: float | None) -> bool:
        """Whether it may be said that the photo shows another kind."""
        return reaches(lead, self.wrong)

    def stricter(self, other: KindMargins) -> KindMargins:
        """What says less: it doubts where one of both does, and denies where both do."""
        doubts = [doubt for doubt in (self.doubt, other.doubt) if doubt is not None]
        return KindMargins(min(doubts, default=None), _higher(self.wrong, other.wrong))


@dataclass(frozen=True)
class Margins:
    """The margins of one model; without any, nothing is said that needs them.

    `word`: of the kinds that texts name; `category`: of categories. `guess`: the least share of the
    best category. `near`: the least closeness (mean of both cosines) of two listings.
    """

    word: KindMargins = KindMargins()
    category: KindMargins = KindMargins()
    guess: float | None = None
    near: float | None = None

    def trusts_guess(self, share: float | None) -> bool:
        """Whether the best category, with this share, may be shown."""
        return reaches(share, self.guess)

    def stricter(self, other: Margins) -> Margins:
        """What may be said by both, of margins that were measured on two sorts of photos."""
        return Margins(
            self.word.stricter(other.word),
            self.category.stricter(other.category),
            _higher(self.guess, other.guess),
            _higher(self.near, other.near),
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Margins:
        """Of what `as_json` gave. Raises `ValueError` where it is something else."""
        try:
            word, category = (_kind_margins(stored[name]) for name in ("word", "category"))
            return cls(word, category, _number(stored["guess"]), _number(stored["near"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                "the margins of the explanations are not what a measurement writes."
            ) from error


def reaches(figure: float | None, margin: float | None) -> bool:
    """Whether a figure is there, and at least as high as a margin that is there."""
    return figure is not None and margin is not None and figure >= margin


def from_which(figures: np.ndarray, right: np.ndarray, *, share: float) -> float | None:
    """The least figure from which on `right` holds for at least this share; None for no such.

    Both are [n], and `right` is bool. It lies halfway to the next figure, which it leaves out.
    """
    order = np.argsort(-figures, kind="stable")
    counts, falling = np.arange(1, len(order) + 1), figures[order]
    following = np.append(falling[1:], falling[-1:] - 1e-6)
    # A limit lets in all that share its figure, so only the last of equals can be one.
    holds = (following < falling) & (counts >= FEWEST)
    (places,) = np.nonzero(holds & (np.cumsum(right[order]) >= share * counts))
    if not places.size:
        return None
    return round(float(falling[places[-1]] + following[places[-1]]) / 2, 4)


def _kind_margins(stored: Mapping[str, Any]) -> KindMargins:
    return KindMargins(_number(stored["doubt"]), _number(stored["wrong"]))


def _number(stored: Any) -> float | None:
    return None if stored is None else float(stored)


def _higher(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)
