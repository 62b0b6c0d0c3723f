"""Each noun is encoded once, and readers do not wait for another's new nouns."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from moderation.clip.category_cache import CategoryVectors
from moderation.clip.prompts import category_prompts, category_vectors


class Words:
    """Stands for an encoder: a vector by the text's letters, and a list of what was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        rows = [[text.count(letter) + 1.0 for letter in "abcdef"] for text in texts]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), 6)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_only_nouns_that_are_new_are_encoded_in_whatever_list_they_come() -> None:
    words = Words()
    cache = CategoryVectors(words)
    cache.of(["cab", "bed"])
    words.asked.clear()
    found = cache.of(["bed", "face", "cab", "bed"])
    assert words.asked == category_prompts("face")
    expected = category_vectors(Words().encode_texts, ["bed", "face", "cab", "bed"])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert cache.of([]).shape == (0, 6)


def test_the_nouns_used_last_are_kept() -> None:
    words = Words()
    cache = CategoryVectors(words, kept=2)
    cache.of(["a", "b"])
    cache.of(["a"])
    assert len(cache.of(["c"])) == 1
    words.asked.clear()
    cache.of(["a", "c"])
    assert words.asked == []
    cache.of(["b"])
    assert words.asked == category_prompts("b")
    assert cache.of(["a", "b", "c", "d"]).shape == (4, 6), "more than are kept"


def test_known_nouns_are_given_while_new_ones_are_encoded() -> None:
    words = Words()
    cache = CategoryVectors(words)
    known = cache.of(["bed"])
    started, go_on = threading.Event(), threading.Event()
    encode = words.encode_texts

    def slow(texts: Sequence[str]) -> np.ndarray:
        started.set()
        assert go_on.wait(30)
        return encode(texts)

    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(words, "encode_texts", slow)
        new = pool.submit(cache.of, ["face"])
        try:
            assert started.wait(30)
            assert np.array_equal(pool.submit(cache.of, ["bed"]).result(timeout=30), known)
            assert not new.done()
        finally:
            go_on.set()
        assert new.result().shape == (1, 6)
