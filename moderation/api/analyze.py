"""POST /clip/analyze: does this photo match this text?"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.clip.errors import ImageError
from moderation.services.scoring import scoring_requests

from .answers import UPLOAD, VERDICT_EXAMPLE, VerdictAnswer, responses, verdict
from .errors import invalid
from .fields import ListingTextField, PhotoField, ThresholdField, form_with_photo
from .view import ApiView, checked


class AnalyzeForm(serializers.Serializer[Any]):
    """A photo and its text."""

    file = PhotoField()
    text = ListingTextField()
    threshold = ThresholdField()


class Analyze(ApiView):
    """One photo with one text."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="clip_analyze",
        summary="Does this photo match this text?",
        tags=["clip"],
        request=form_with_photo(AnalyzeForm, "file"),
        responses=responses({200: VerdictAnswer}, *UPLOAD),
        examples=[OpenApiExample("A mismatch", value=VERDICT_EXAMPLE, response_only=True)],
    )
    def post(self, request: Request) -> Response:
        data = checked(AnalyzeForm, request.data)
        pair = scoring_requests.Pair(data["file"].file, data["text"], data["threshold"])
        try:
            return Response(verdict(scoring_requests.analyze(pair)))
        except ImageError as error:
            raise invalid("file", str(error)) from error
