"""Texts of a catalogue file that are longer than a listing's may be: their beginning is taken."""

from __future__ import annotations

import re

from django.conf import settings

# What is longer is no description: a quote that is never closed takes in the rows after it.
_LONGEST = 10_000
_SENTENCE = re.compile(r".*([.!?…](?=\s)|[。！？])", re.DOTALL)


def beginning(text: str) -> str:
    """The text, or whole sentences or words of it that fit; what is far too long stays so."""
    text, limit = " ".join(text.split()), settings.MAX_TEXT_LENGTH
    if not limit < len(text) <= _LONGEST:
        return text
    sentences = _SENTENCE.match(text[: limit + 1])
    if sentences and limit / 2 < sentences.end() <= limit:
        return sentences[0]
    words = text[: limit + 1].rpartition(" ")[0]
    return words or text[:limit]
