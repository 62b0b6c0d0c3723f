"""What a model reads of a listing's text, in one place for everybody who shows it one.

People see the text as it was written. The rules are in `rules.py`.
"""

from __future__ import annotations

from collections.abc import Iterable

from moderation.clip.texts.rule import Rule
from moderation.clip.texts.rules import RULES, WRITING

# Part of each cached vector's key and of what a decision stores: raise it when a rule changes.
PREPARATION = "2"


def prepare(text: str, *, rules: Iterable[Rule] = RULES) -> str:
    """The text as a model reads it. Prepared again, it stays as it is.

    A text of which nothing would be left is only cleaned: a shop may sell a mug named "Sale!".
    """
    chosen = tuple(rules)
    cleaned = _settled(text, [rule for rule in chosen if rule in WRITING])
    return _settled(cleaned, chosen) or cleaned


def _settled(text: str, rules: Iterable[Rule]) -> str:
    """The rules in order, until nothing changes: what one leaves may be for another to take."""
    while True:
        read = text
        for rule in rules:
            read = rule.change(read)
        if read == text:
            return text
        text = read
