"""What may be said of judged words: the kind first, a colour only where the kind fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .explain_words import Term
from .margins import Margins

# Logits by which the best other colour must lead over the one that is said.
COLOUR_GAP = 6.0
ONE_COLOUR = 0.7  # the least share of the best colour to name it alone
TWO_COLOURS = 0.75  # the least share of the best two to name both
# A kind counts less than a colour in the order of words: its gap is wide on true pairs as well.
_TYPE_OFFSET = 4.0


@dataclass(frozen=True)
class Word:
    """A word and how badly it fits, in logits; the higher, the worse.

    `drop`: what the text gains without it. `gap`: the lead of the best alternative over it, None
    for words without alternatives. `shares`: the alternatives with the softmax over them and the
    word itself, most likely first.
    """

    term: Term
    drop: float
    gap: float | None = None
    shares: tuple[tuple[str, float], ...] = ()
    said_share: float | None = None
    best_swap: tuple[str, float] | None = None  # the text with the best colour, and its cosine

    @property
    def suspicion(self) -> float:
        """The order of words: what is gained without it, plus the lead of an alternative."""
        if self.gap is None:
            return self.drop
        offset = _TYPE_OFFSET if self.term.kind == "type" else 0.0
        return self.drop + max(self.gap - offset, 0.0)

    @property
    def looks_like(self) -> tuple[str, ...]:
        """The one or two colours that the photo surely has; empty where that cannot be said."""
        if self.term.kind != "colour" or not self.shares:
            return ()
        if self.shares[0][1] >= ONE_COLOUR:
            return (self.shares[0][0],)
        pair = self.shares[:2]
        return tuple(name for name, _ in pair) if sum(s for _, s in pair) >= TWO_COLOURS else ()

    @property
    def is_wrong_kind(self) -> bool:
        """Whether it may be said that this kind is not the photo's, if all that are named lag."""
        return self.term.kind == "type" and self.gap is not None and self.drop > 0

    @property
    def is_wrong_colour(self) -> bool:
        """Whether it may be said that this colour is not the photo's, if the kind fits."""
        if self.gap is None or self.drop <= 0:
            return False
        return self.gap >= COLOUR_GAP and bool(self.looks_like)


@dataclass(frozen=True)
class Explained:
    """All judged words, the most wrong one first, and the one that may be shown, if any."""

    words: tuple[Word, ...]
    finding: Word | None
    suggestion: str | None
    texts_encoded: int


def most_wrong(
    words: Sequence[Word], *, margins: Margins, category_lead: float | None
) -> Word | None:
    """The word that may be shown, of words in their order; None where none may.

    A kind of product comes first: of a jacket it is beside the point that pears are not green. So a
    colour is blamed only where neither the kind in the text nor the category is improbable.
    """
    lead = kind_lead(words)
    if margins.word.denies(lead):
        return next((word for word in words if word.is_wrong_kind), None)
    if margins.word.doubts(lead) or margins.category.doubts(category_lead):
        return None
    return next((word for word in words if word.is_wrong_colour), None)


def kind_lead(words: Sequence[Word]) -> float | None:
    """By how much another kind leads over the kinds that the text names, the best of these."""
    leads = [word.gap for word in words if word.term.kind == "type" and word.gap is not None]
    return min(leads, default=None)


def suggestion(finding: Word | None, *, threshold: float) -> str | None:
    """The text with the right colour, where one is sure and the text would not be flagged."""
    if finding is None or finding.best_swap is None or len(finding.looks_like) != 1:
        return None
    text, cosine = finding.best_swap
    return text if cosine >= threshold else None
