"""What a model reads of texts, for people: shown where it is not what the listing says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from moderation.clip.texts.prepare import prepare
from moderation.models import Analysis

_SHOWN = 60


def read_otherwise(analysis: Analysis) -> str:
    """What the model read, where other words or signs; empty where it is the listing's text."""
    read = analysis.text_read
    return read if read is not None and _differs(analysis.text, read) else ""


def read_of(text: str) -> str:
    """What a model will read of a listing's text; empty where it is the text."""
    read = prepare(text)
    return read if _differs(text, read) else ""


def parts_of(analysis: Analysis) -> dict[str, str]:
    """Of a text longer than the model reads its `title`, and what of the rest is a `misfit`."""
    if not analysis.parts:
        return {}
    misfit = next((text for text, _, fits in analysis.parts if not fits), "")
    return {"title": analysis.parts[0][0], "misfit": misfit}


def _differs(text: str, read: str) -> bool:
    """Spaces and capitals aside, which nobody needs to be told of."""
    return text.casefold().split() != read.casefold().split()


@dataclass
class TextsRead:
    """Of so many texts, how many are read otherwise than they are written, and the first of them.

    What a dry run tells: afterwards each listing's page shows its own. `parts` says in which parts
    the model reads a text, where that is known.
    """

    parts: Callable[[str], list[str]] | None = None
    texts: int = 0
    otherwise: int = 0
    long: int = 0
    example: tuple[str, str] = ("", "")

    def add(self, text: str) -> None:
        """Look at one more text."""
        self.texts += 1
        read = prepare(text)
        if self.parts and len(self.parts(read)) > 1:
            self.long += 1
        if read and _differs(text, read):  # of nothing, `Unread` tells
            self.example = self.example if self.otherwise else (text, read)
            self.otherwise += 1

    @property
    def words(self) -> str:
        """For people; empty where all texts are read as they are."""
        return " ".join(filter(None, (self._otherwise_words, self._long_words)))

    @property
    def _long_words(self) -> str:
        if not self.long:
            return ""
        return (
            f"{self.long:,} of {self.texts:,} texts are longer than the model reads: their first "
            "sentence decides the score, and the rest is looked at part by part."
        )

    @property
    def _otherwise_words(self) -> str:
        if not self.otherwise:
            return ""
        text, read = (_shortened(one) for one in self.example)
        return (
            f"Of {self.otherwise:,} of {self.texts:,} texts the model reads only a part: markup, "
            "prices, article numbers, sizes and shouts are left out, since no photo shows them. "
            f"Of “{text}” it reads “{read}”. The listings keep their texts."
        )


def _shortened(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _SHOWN else f"{one_line[:_SHOWN].rstrip()}…"
