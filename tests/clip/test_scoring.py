"""Cosines become verdicts by the steps that users of the API know."""

import numpy as np
import pytest

from moderation.clip.scoring import (
    category_probabilities,
    confidence,
    judge,
    match_quality,
    rank_categories,
    similarity,
)


def unit(rows: list[list[float]]) -> np.ndarray:
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_similarity_is_the_cosine_row_by_row() -> None:
    images, texts = unit([[1, 0], [1, 1], [1, 0]]), unit([[1, 0], [1, 0], [-1, 0]])
    scores = similarity(images, texts)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, [1, 2**-0.5, -1], atol=1e-6)
    assert similarity(np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32)).shape == (0,)


def test_rounding_never_leads_beyond_one() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(200, 512)).tolist())
    assert similarity(rows, rows).max() <= 1


@pytest.mark.parametrize(
    ("score", "mismatch"), [(0.2499, True), (0.25, False), (0.2501, False), (-1, True), (1, False)]
)
def test_a_mismatch_is_a_similarity_below_the_threshold(score: float, mismatch: bool) -> None:
    verdict = judge(score, threshold=0.25)
    assert verdict.is_mismatch is mismatch
    assert (verdict.similarity_score, verdict.threshold_used) == (score, 0.25)


def test_a_higher_threshold_is_stricter() -> None:
    assert not judge(0.3, threshold=0.25).is_mismatch
    assert judge(0.3, threshold=0.35).is_mismatch


@pytest.mark.parametrize(
    ("score", "word"),
    [(0.0, "high"), (0.34, "high"), (0.4, "medium"), (0.44, "medium"), (0.46, "low"), (0.5, "low")],
)
def test_confidence_is_the_distance_to_the_threshold(score: float, word: str) -> None:
    assert confidence(score, threshold=0.5) == word
    assert confidence(1 - score, threshold=0.5) == word


@pytest.mark.parametrize(
    ("score", "word"),
    [
        (0.4, "excellent"),
        (0.39, "good"),
        (0.3, "good"),
        (0.25, "fair"),
        (0.15, "poor"),
        (0.149, "mismatch"),
        (-0.3, "mismatch"),
    ],
)
def test_match_quality_in_words(score: float, word: str) -> None:
    assert match_quality(score) == word


def test_category_probabilities_are_the_softmax_of_the_scaled_cosines() -> None:
    images, categories = unit([[1, 0], [0, 1]]), unit([[1, 0], [0, 1], [1, 1]])
    shares = category_probabilities(images, categories, logit_scale=100.0)
    assert shares.shape == (2, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    expected = 1 / (1 + np.exp(-100) + np.exp(100 * (2**-0.5 - 1)))
    np.testing.assert_allclose(shares[0, 0], expected, rtol=1e-5)


def test_ranking_gives_the_likeliest_first_and_no_more_than_asked() -> None:
    categories = unit([[0, 1], [1, 0], [1, 1]])
    names = ["mug", "shirt", "hat"]
    ranked = rank_categories(
        unit([[1, 0.1]])[0], categories, logit_scale=10.0, names=names, top_k=2
    )
    assert [name for name, _ in ranked] == ["shirt", "hat"]
    assert ranked[0][1] > ranked[1][1]
    assert len(rank_categories(categories[0], categories, logit_scale=1, names=names)) == 3
    assert rank_categories(categories[0], categories, logit_scale=1, names=names, top_k=0) == []
    assert rank_categories(categories[0], categories[:0], logit_scale=1, names=[]) == []
