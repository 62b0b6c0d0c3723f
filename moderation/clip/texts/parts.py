"""A text that is longer than a model reads, in parts that it reads. Nothing is cut off in silence.

The first part is the title, and its score is the text's: beside a true title, a description only
pulls the score down (`benchmarks.long_texts` measures that, and other ways). What the other parts
say is looked at part by part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Fits = Callable[[str], bool]

# Where a text may be parted, the best places first.
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\s+-\s+")
_CLAUSES = re.compile(r"(?<=[,;:])\s+")
_WORDS = re.compile(r"\s+")

_BETWEEN = " .,;:-"  # what stands between two parts belongs to neither

# A single word, such as a brand before a dash, is no title: it takes the next sentence along.
_TITLE_WORDS = 2


def parts(text: str, *, fits: Fits) -> list[str]:
    """The text alone where it fits; else its sentences, of which long ones are parted further.

    The first is the title, or its beginning. Together they have every word of the text.
    """
    if fits(text):
        return [text]
    sentences = [sentence for sentence in _SENTENCES.split(text) if sentence]
    while len(sentences) > 1 and len(sentences[0].split()) < _TITLE_WORDS:
        sentences[:2] = [" ".join(sentences[:2])]
    found = [part for sentence in sentences for part in _parted(sentence, fits)]
    return [part.strip(_BETWEEN) or part for part in found]


def _parted(text: str, fits: Fits) -> Iterator[str]:
    """A sentence in as few parts as fit: by its clauses, else its words, else its letters."""
    if fits(text) or len(text) == 1:
        yield text
        return
    for places in (_CLAUSES, _WORDS):
        pieces = [piece for piece in places.split(text) if piece]
        if len(pieces) > 1:
            for part in _joined(pieces, fits):
                yield from _parted(part, fits)
            return
    half = len(text) // 2
    yield from _parted(text[:half], fits)
    yield from _parted(text[half:], fits)


def _joined(pieces: list[str], fits: Fits) -> Iterator[str]:
    """Neighbours together while they fit; one that does not fit alone stays alone."""
    taken = pieces[0]
    for piece in pieces[1:]:
        longer = f"{taken} {piece}"
        if fits(longer):
            taken = longer
        else:
            yield taken
            taken = piece
    yield taken
