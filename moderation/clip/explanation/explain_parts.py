"""Which part of a long description does not fit the photo; the title's score is the text's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .explain_words import terms

# So far below the threshold a part must score before it is named: where a verdict's `confidence` is
# high. A sentence scores lower than a title that says the same; `benchmarks.long_texts` measures
# what this finds, and how often wrongly.
CLEARLY = 0.15


@dataclass(frozen=True)
class Part:
    """A part of a text with its own similarity. `fits` is false only where that is clear."""

    text: str
    similarity: float
    fits: bool = True


def judged(
    texts: Sequence[str], similarities: Sequence[float], *, threshold: float
) -> tuple[Part, ...]:
    """The parts of a text, the title first.

    Of the others, the one that fits worst is named where it speaks of looks, by a kind of product
    or a colour, and clearly does not fit: nobody's photo shows "machine washable".
    """
    about_looks = [
        place
        for place, text in enumerate(texts)
        if place and any(term.kind for term in terms(text))
    ]
    worst = min(about_looks, key=lambda place: similarities[place], default=None)
    return tuple(
        Part(text, similarity, place != worst or similarity >= threshold - CLEARLY)
        for place, (text, similarity) in enumerate(zip(texts, similarities, strict=True))
    )
