"""What the endpoints answer, as the OpenAPI document shows it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers

from moderation.models.hidden_signs import named
from moderation.services.scoring.scoring_requests import Answer

from .errors import ErrorAnswer

_PROBLEMS = {
    400: "A field is missing or wrong.",
    401: "The token is missing, wrong or expired.",
    403: "The user lacks a right, or the token a scope.",
    404: "There is no such thing.",
    409: "Not possible in the present state.",
    411: "The request has no Content-Length.",
    413: "The request is too large.",
    415: "The Content-Type is not read here.",
    422: "The Idempotency-Key was used for another request.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
    503: "No model can run, too many requests wait for it, or the photos' storage is away.",
    507: "The server's disk is full or cannot be written; nothing was stored.",
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


class HiddenSigns(serializers.ListField):
    """Which signs of a text nobody sees: the text itself is answered as it was sent."""

    child = serializers.CharField()

    def __init__(self, **kwargs: Any) -> None:
        words = (
            "Signs in `text` that nobody sees or that turn its order round, such as "
            "“U+202E right-to-left override”; mostly none."
        )
        super().__init__(read_only=True, help_text=words, **kwargs)

    def to_representation(self, data: Any) -> list[str]:
        return named(str(data))


class PartAnswer(serializers.Serializer[Any]):
    """A part of a text that is longer than the model reads."""

    text = serializers.CharField()
    similarity_score = serializers.FloatField(min_value=-1, max_value=1)
    fits = serializers.BooleanField(
        help_text="False only of the part that speaks of looks and clearly does not fit the photo."
    )


class VerdictAnswer(serializers.Serializer[Any]):
    """What the model says of one pair of photo and text."""

    is_mismatch = serializers.BooleanField(
        help_text="Whether the similarity is below the threshold; false where `readable` is."
    )
    readable = serializers.BooleanField(
        help_text="Whether the model reads the language of the text. Where it does not, nothing is "
        "said of the pair: the score and what follows from it are null."
    )
    unreadable_reason = serializers.CharField(
        help_text="In which language, or letters, the text seems to be, or that it has no words; "
        "or empty."
    )
    similarity_score = serializers.FloatField(
        min_value=-1, max_value=1, allow_null=True, help_text="Cosine of photo and text."
    )
    threshold_used = serializers.FloatField(min_value=-1, max_value=1)
    confidence = serializers.ChoiceField(
        ["high", "medium", "low"],
        allow_null=True,
        help_text="Distance from the threshold: above 0.15 high, above 0.05 medium, else low.",
    )
    match_quality = serializers.ChoiceField(
        ["excellent", "good", "fair", "poor", "mismatch"],
        allow_null=True,
        help_text="The similarity in words: from 0.4, 0.3, 0.25, 0.15, and below.",
    )
    p_mismatch = serializers.FloatField(
        min_value=0,
        max_value=1,
        allow_null=True,
        help_text="Calibrated probability of a mismatch, for the share of wrong listings that the "
        "audit has found in this shop, or that the model presumes until then; null while the model "
        "is not calibrated.",
    )
    model_version = serializers.CharField()
    text_read = serializers.CharField(
        help_text="What the model read of the text: without markup, prices, article numbers, sizes "
        "in brackets and shouts, which no photo can show."
    )
    parts = PartAnswer(
        many=True,
        help_text="Where the text is longer than the model reads: its parts. The first is the "
        "title, which alone decides the score; the others are only looked at. Else empty.",
    )


VERDICT_EXAMPLE: dict[str, Any] = {
    "is_mismatch": True,
    "readable": True,
    "unreadable_reason": "",
    "similarity_score": 0.061234,
    "threshold_used": 0.25,
    "confidence": "high",
    "match_quality": "mismatch",
    "p_mismatch": 0.942107,
    "model_version": "bundled",
    "text_read": "Red cotton T-shirt with a round neck",
    "parts": [],
}


def verdict(answer: Answer) -> dict[str, Any]:
    """The fields of `VerdictAnswer`."""
    found = answer.verdict
    return {
        "is_mismatch": bool(found and found.is_mismatch),
        "readable": not answer.why_unreadable,
        "unreadable_reason": answer.why_unreadable,
        "similarity_score": rounded(found.similarity_score) if found else None,
        "threshold_used": answer.threshold_used,
        "confidence": found and found.confidence,
        "match_quality": found and found.match_quality,
        "p_mismatch": rounded(answer.p_mismatch),
        "model_version": answer.model_version,
        "text_read": answer.text_read,
        "parts": [
            {"text": one.text, "similarity_score": rounded(one.similarity), "fits": one.fits}
            for one in answer.parts
        ],
    }


def rounded(value: float | None) -> float | None:
    """Six digits: more than a float16 vector can tell apart."""
    return None if value is None else round(value, 6)


class MatchAnswer(serializers.Serializer[Any]):
    """A category and its probability among those asked about."""

    category = serializers.CharField()
    score = serializers.FloatField(min_value=0, max_value=1)
