"""Margins: nothing is said of kinds and categories but what this very model is right about."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.clip.explanation.margins import KindMargins, Margins, from_which
from moderation.clip.explanation.measure import KnownListings, measure

KINDS = ["a mug", "a dress", "a lamp", "a tie"]
EACH = 12


def known(images: np.ndarray) -> KnownListings:
    nouns = [noun for noun in KINDS for _ in range(EACH)]
    words = [f"A fine {noun.split()[-1]}" for noun in nouns]
    return KnownListings(images, words, nouns, KINDS)


def seeing(texts: list[str]) -> np.ndarray:
    """A model that knows the four kinds: each is an axis, whatever else a text says."""
    vectors = np.full((len(texts), 4), 0.05, dtype=np.float32)
    for row, text in enumerate(texts):
        for axis, noun in enumerate(KINDS):
            vectors[row, axis] += noun.split()[-1] in text
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def blind(texts: list[str]) -> np.ndarray:
    """A model that has learned nothing: each text lies somewhere."""
    found = [np.random.default_rng(len(text) * 7 + ord(text[-1])).normal(size=4) for text in texts]
    return np.array([one / np.linalg.norm(one) for one in found], dtype=np.float32)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def photos() -> np.ndarray:
    """Of each kind its axis, with some noise."""
    noise = np.random.default_rng(1).normal(0, 0.05, size=(4 * EACH, 4))
    return unit(np.repeat(np.eye(4), EACH, axis=0) + noise).astype(np.float32)


# ── Measured ──────────────────────────────────────────────────────────────────────────────────
def test_a_model_that_knows_its_kinds_may_speak_of_them(photos: np.ndarray) -> None:
    found = measure(known(photos), encode_texts=seeing, logit_scale=5.0)

    own, other = 0.0, 4.0  # leads: 5 times a difference of nearly none, and of nearly 1
    for margins in (found.word, found.category):
        assert not margins.doubts(own)
        assert margins.doubts(other)
        assert margins.denies(other)
    assert found.trusts_guess(1.0)
    assert found.near is not None
    assert 0.1 < found.near < 0.99  # two kinds are closer than 0.1 only by chance


def test_a_model_that_knows_nothing_says_nothing() -> None:
    noise = unit(np.random.default_rng(2).normal(size=(4 * EACH, 4))).astype(np.float32)

    found = measure(known(noise), encode_texts=blind, logit_scale=20.0)

    assert (found.word.wrong, found.category.wrong, found.guess) == (None, None, None)


def test_a_lead_that_its_own_softmax_calls_small_denies_nothing(photos: np.ndarray) -> None:
    found = measure(known(photos), encode_texts=seeing, logit_scale=1.0)

    assert not found.category.denies(0.9)  # the largest lead that this model can give


def test_each_listing_is_compared_with_one_of_another_kind(photos: np.ndarray) -> None:
    listings = known(photos)

    others = listings.others

    assert all(
        listings.nouns[row] != listings.nouns[int(other)] for row, other in enumerate(others)
    )
    assert len(set(others.tolist())) > len(others) // 2


# ── The rule ──────────────────────────────────────────────────────────────────────────────────
def test_the_margin_is_the_lowest_from_which_on_enough_are_right() -> None:
    figures = np.linspace(1.0, 0.05, 20)
    right = np.array([True] * 12 + [False] * 8)

    assert from_which(figures, right, share=1.0) == pytest.approx(0.425)  # 0.45, and not 0.40
    assert from_which(figures, right, share=0.75) == pytest.approx(0.225)
    assert from_which(figures, ~right, share=0.9) is None


def test_equal_figures_stand_on_the_same_side_of_a_margin() -> None:
    figures = np.array([0.9] * 12 + [0.5] * 4)
    right = np.array([True] * 12 + [True, False, False, False])

    assert from_which(figures, right, share=1.0) == pytest.approx(0.7)


def test_few_right_ones_are_no_proof() -> None:
    figures, right = np.linspace(1.0, 0.1, 9), np.ones(9, dtype=bool)

    assert from_which(figures, right, share=0.5) is None
    assert from_which(np.zeros(0), np.zeros(0, dtype=bool), share=0.5) is None


# ── Kept ──────────────────────────────────────────────────────────────────────────────────────
def test_margins_come_back_as_they_were_stored() -> None:
    margins = Margins(KindMargins(2.0, 6.0), KindMargins(None, None), guess=0.7, near=None)

    assert Margins.from_json(margins.as_json()) == margins


@pytest.mark.parametrize("stored", [{}, {"word": 3}, {"word": {}, "category": {}}, {"guess": "x"}])
def test_what_no_measurement_wrote_is_refused(stored: dict) -> None:
    with pytest.raises(ValueError, match="margins of the explanations"):
        Margins.from_json(stored)


def test_of_two_sorts_of_photos_only_what_holds_on_both_is_said() -> None:
    drawn = Margins(KindMargins(2.0, 4.0), KindMargins(None, 5.0), guess=0.4, near=0.8)
    real = Margins(KindMargins(1.0, 6.0), KindMargins(3.0, None), guess=0.6, near=None)

    assert drawn.stricter(real) == Margins(
        KindMargins(1.0, 6.0), KindMargins(3.0, None), guess=0.6, near=None
    )
