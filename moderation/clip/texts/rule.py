"""What one line of the table of rules is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

Change = Callable[[str], str]


@dataclass(frozen=True)
class Rule:
    """One thing that is taken out of a text, why, and a text before and after all rules."""

    name: str
    change: Change
    why: str
    before: str
    after: str


def removes(pattern: str, *, leaving: str = " ") -> Change:
    """A change that takes out what the pattern finds, in whichever case it is written."""
    found = re.compile(pattern, re.IGNORECASE)
    return lambda text: found.sub(leaving, text)


def one_of(words: str) -> str:
    """A pattern for any of the phrases, one a line; their words may be apart by any white space."""
    phrases = sorted((" ".join(line.split()) for line in words.splitlines()), key=len, reverse=True)
    return "(?:" + "|".join(phrase.replace(" ", r"[\s-]+") for phrase in phrases if phrase) + ")"
