"""A text as the numbers that a text tower reads. Encoder and trainings share this one way."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from moderation.clip.texts.parts import parts

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Tokens:
    """Token rows of texts, each within the start and end of the model's own.

    What a seller writes is words only. Spelled out in a text, "<|endoftext|>" would otherwise end
    it for the model, as would a sign that the vocabulary lacks where "unknown" is the end token:
    the vector is taken at the first one. So special tokens are read as the letters they are
    written with, and one that comes up all the same is left out.
    """

    def __init__(self, tokenizer: Tokenizer, *, most: int) -> None:
        """`most` is the most tokens of a row, start and end included; the tokenizer is changed."""
        tokenizer.no_padding()
        tokenizer.no_truncation()
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self._special = {
            number
            for number, token in tokenizer.get_added_tokens_decoder().items()
            if token.special
        }
        framed = tokenizer.encode("a")
        rest = list(zip(framed.ids, framed.special_tokens_mask, strict=True))
        self._start = [number for number, _ in takewhile(lambda one: one[1], rest)]
        self._end = [number for number, _ in takewhile(lambda one: one[1], rest[::-1])][::-1]
        self.room = most - len(self._start) - len(self._end)  # for the words

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """One row a text, in order; of what is longer than the model reads, its title's."""
        rows = self._words(texts)
        long = [place for place, row in enumerate(rows) if len(row) > self.room]
        for place, row in zip(
            long, self._words([self.parts(texts[i])[0] for i in long]), strict=True
        ):
            rows[place] = row
        return [[*self._start, *row, *self._end] for row in rows]

    def parts(self, text: str) -> list[str]:
        """The text in parts that are read, the title first; one where it is read as a whole."""
        return parts(text, fits=lambda part: self.lengths([part])[0] <= self.room)

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, start and end aside; `room` of them are read."""
        return [len(row) for row in self._words(texts)]

    def _words(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [[one for one in row.ids if one not in self._special] for row in encoded]
