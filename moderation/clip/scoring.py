"""From vectors to verdicts: cosine, threshold, confidence, zero-shot categories. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Confidence = Literal["high", "medium", "low"]
MatchQuality = Literal["excellent", "good", "fair", "poor", "mismatch"]

DEFAULT_THRESHOLD = 0.25

# Steps of the public API (guide): distance to the threshold, and the cosine itself.
_CONFIDENCE: tuple[tuple[float, Confidence], ...] = ((0.15, "high"), (0.05, "medium"))
_QUALITY: tuple[tuple[float, MatchQuality], ...] = (
    (0.40, "excellent"),
    (0.30, "good"),
    (0.25, "fair"),
    (0.15, "poor"),
)


@dataclass(frozen=True)
class Verdict:
    """The judgement on one pair. A higher `threshold_used` is stricter: it flags more."""

    is_mismatch: bool
    similarity_score: float
    threshold_used: float
    confidence: Confidence
    match_quality: MatchQuality


def similarity(image_vectors: np.ndarray, text_vectors: np.ndarray) -> np.ndarray:
    """Cosine of each row with the same row: unit vectors [n, d] and [n, d] to float32 [n]."""
    product = np.einsum("nd,nd->n", image_vectors, text_vectors, dtype=np.float32)
    return np.clip(product, -1.0, 1.0)


def confidence(score: float, *, threshold: float) -> Confidence:
    """How far the cosine is from the threshold: above 0.15 high, above 0.05 medium, else low."""
    distance = abs(score - threshold)
    return next((name for limit, name in _CONFIDENCE if distance > limit), "low")


def match_quality(score: float) -> MatchQuality:
    """The cosine in words; the steps do not depend on the threshold."""
    return next((name for limit, name in _QUALITY if score >= limit), "mismatch")


def judge(score: float, *, threshold: float = DEFAULT_THRESHOLD) -> Verdict:
    """Judge one cosine: a mismatch is a similarity below the threshold."""
    score = float(score)
    return Verdict(
        is_mismatch=score < threshold,
        similarity_score=score,
        threshold_used=threshold,
        confidence=confidence(score, threshold=threshold),
        match_quality=match_quality(score),
    )


def category_probabilities(
    image_vectors: np.ndarray, category_vectors: np.ndarray, *, logit_scale: float
) -> np.ndarray:
    """Zero-shot probabilities (CLIP paper, 3.1): softmax of `logit_scale` times the cosines.

    [n, d] and [c, d], both of unit length, to float32 [n, c]. `logit_scale` is the factor itself
    (the exponential of the model's parameter), about 100 for OpenAI's models.
    """
    logits = logit_scale * (image_vectors @ category_vectors.T)
    logits = np.exp(logits - logits.max(axis=1, keepdims=True))
    return logits / logits.sum(axis=1, keepdims=True)


def rank_categories(
    image_vector: np.ndarray,
    category_vectors: np.ndarray,
    *,
    logit_scale: float,
    names: Sequence[str],
    top_k: int = 5,
) -> list[tuple[str, float]]:
    """The `top_k` most likely categories for one image [d], as (name, probability), best first."""
    if not names or top_k < 1:
        return []
    shares = category_probabilities(image_vector[None], category_vectors, logit_scale=logit_scale)[
        0
    ]
    order = np.argsort(-shares, kind="stable")[:top_k]
    return [(names[index], float(shares[index])) for index in order]
