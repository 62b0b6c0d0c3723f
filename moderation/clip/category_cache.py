"""Category vectors, computed once for each noun and kept for the next request."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from moderation.clip import prompts

KEPT = 1024


class EncodesTexts(Protocol):
    """The part of `Encoder` that is needed here."""

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray: ...


class CategoryVectors:
    """The vectors of one encoder's categories; the `kept` nouns used last stay in memory.

    Safe to share between threads. Nobody waits for another's new nouns: two threads that request
    the same ones at once both encode them, and get the same.
    """

    def __init__(self, encoder: EncodesTexts, *, kept: int = KEPT) -> None:
        self._encoder = encoder
        self._kept = kept
        self._vectors: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, nouns: Sequence[str]) -> np.ndarray:
        """Unit vectors [c, d] of the nouns' averaged prompts, in order."""
        if not nouns:
            return prompts.category_vectors(self._encoder.encode_texts, [])
        with self._lock:
            found = {noun: self._vectors[noun] for noun in nouns if noun in self._vectors}
        missing = [noun for noun in dict.fromkeys(nouns) if noun not in found]
        if missing:
            fresh = prompts.category_vectors(self._encoder.encode_texts, missing)
            found.update(zip(missing, fresh, strict=True))
        with self._lock:
            for noun in nouns:
                self._vectors[noun] = found[noun]
                self._vectors.move_to_end(noun)
            while len(self._vectors) > self._kept:
                self._vectors.popitem(last=False)
        return np.stack([found[noun] for noun in nouns])
