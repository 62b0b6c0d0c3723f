"""The order in which the queue hands out its items: a mixture of three arms.

Only the most suspicious first would find the most mismatches now and teach the model little; only
the most uncertain would teach it and find few; neither says what it misses. Pure functions, so
that the benchmarks run the very rules of the queue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from enum import StrEnum

# Of so many most uncertain items the one of the category least served lately is handed out.
UNCERTAIN_POOL = 50
# "Lately" are so many of the newest decisions of people that stand.
LATELY = 50


class Arm(StrEnum):
    """A part of the mixture; the names are those of `ReviewItem.Pick`."""

    SUSPICIOUS = "suspicious"
    UNCERTAIN = "uncertain"
    AUDIT = "audit"


def arms(draw: float, *, uncertain: float, audit: float) -> tuple[Arm, Arm]:
    """The arm that a draw from [0, 1) falls on, and the one to turn to where that is empty.

    Suspicious and uncertain items are the same items in another order, so where one arm is empty
    the other is.
    """
    if draw < audit:
        return Arm.AUDIT, Arm.SUSPICIOUS
    if draw < audit + uncertain:
        return Arm.UNCERTAIN, Arm.AUDIT
    return Arm.SUSPICIOUS, Arm.AUDIT


def diverse(
    categories: Sequence[Hashable], *, lately: Sequence[Hashable], disputed: int = 0
) -> list[int]:
    """Positions in a list of candidates, those of the categories least served lately first.

    `categories` are the candidates', most uncertain first; that order holds within a category. The
    first `disputed` of them, of which two models say the opposite, come before all others.
    """
    served = Counter(lately)

    def turn(place: int) -> tuple[bool, int, int]:
        return place >= disputed, served[categories[place]], place

    return sorted(range(len(categories)), key=turn)
