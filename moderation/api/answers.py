"""What the endpoints answer, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from moderation.services.scoring.scoring_requests import Answer

from .errors import ErrorAnswer

_PROBLEMS = {
    400: "A field is missing or wrong.",
    401: "The token is missing or wrong.",
    403: "Not allowed.",
    404: "There is no such thing.",
    409: "Not possible in the present state.",
    411: "The request has no Content-Length.",
    413: "The request is too large.",
    415: "The Content-Type is not read here.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
    503: "No model can run, or too many requests wait for it.",
}
_EVERYWHERE = (401, 403, 429)
UPLOAD = (400, 411, 413, 415, 503)


def responses(good: dict[int, Any], *problems: int) -> dict[int, Any]:
    """The good answers of an endpoint together with the refusals it may give."""
    refusals = {
        code: OpenApiResponse(ErrorAnswer, description=_PROBLEMS[code])
        for code in sorted({*problems, *_EVERYWHERE} - good.keys())
    }
    return {**good, **refusals}


class VerdictAnswer(serializers.Serializer[Any]):
    """What the model says of one pair of photo and text."""

    is_mismatch = serializers.BooleanField(
        help_text="Whether the similarity is below the threshold."
    )
    similarity_score = serializers.FloatField(
        min_value=-1, max_value=1, help_text="Cosine of photo and text."
    )
    threshold_used = serializers.FloatField(min_value=-1, max_value=1)
    confidence = serializers.ChoiceField(
        ["high", "medium", "low"],
        help_text="Distance from the threshold: above 0.15 high, above 0.05 medium, else low.",
    )
    match_quality = serializers.ChoiceField(
        ["excellent", "good", "fair", "poor", "mismatch"],
        help_text="The similarity in words: from 0.4, 0.3, 0.25, 0.15, and below.",
    )
    p_mismatch = serializers.FloatField(
        min_value=0,
        max_value=1,
        allow_null=True,
        help_text="Calibrated probability of a mismatch; null while the model is not calibrated.",
    )
    model_version = serializers.CharField()


VERDICT_EXAMPLE: dict[str, Any] = {
    "is_mismatch": True,
    "similarity_score": 0.061234,
    "threshold_used": 0.25,
    "confidence": "high",
    "match_quality": "mismatch",
    "p_mismatch": 0.942107,
    "model_version": "bundled",
}


def verdict(answer: Answer) -> dict[str, Any]:
    """The fields of `VerdictAnswer`."""
    return {
        "is_mismatch": answer.verdict.is_mismatch,
        "similarity_score": rounded(answer.verdict.similarity_score),
        "threshold_used": answer.verdict.threshold_used,
        "confidence": answer.verdict.confidence,
        "match_quality": answer.verdict.match_quality,
        "p_mismatch": rounded(answer.p_mismatch),
        "model_version": answer.model_version,
    }


def rounded(value: float | None) -> float | None:
    """Six digits: more than a float16 vector can tell apart."""
    return None if value is None else round(value, 6)


class MatchAnswer(serializers.Serializer[Any]):
    """A category and its probability among those asked about."""

    category = serializers.CharField()
    score = serializers.FloatField(min_value=0, max_value=1)
