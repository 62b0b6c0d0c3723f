"""GET /clip/categories and POST /clip/classify: what does this photo show?"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.clip.errors import ImageError
from moderation.services.encoding.engine import active_categories
from moderation.services.scoring import scoring_requests

from .answers import UPLOAD, MatchAnswer, responses
from .choice_fields import CategoryListField, TopKField
from .errors import Conflict, invalid
from .fields import PhotoField, form_with_photo
from .view import ApiView, checked


class CategoriesAnswer(serializers.Serializer[Any]):
    categories = serializers.ListField(child=serializers.CharField())
    count = serializers.IntegerField()


class Categories(ApiView):
    """The categories that /clip/classify chooses from."""

    @extend_schema(
        operation_id="clip_categories",
        summary="The active categories",
        tags=["clip"],
        responses=responses({200: CategoriesAnswer}),
        examples=[
            OpenApiExample(
                "Three categories",
                value={"categories": ["Handbags", "Mugs", "Sneakers"], "count": 3},
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        names = [name for name, _ in active_categories()]
        return Response({"categories": names, "count": len(names)})


class ClassifyForm(serializers.Serializer[Any]):
    """A photo, and what it may show."""

    file = PhotoField()
    top_k = TopKField()
    categories = CategoryListField(required=False)


class ClassifyAnswer(serializers.Serializer[Any]):
    top_matches = MatchAnswer(many=True)
    model_version = serializers.CharField()


class Classify(ApiView):
    """Zero-shot classification of one photo."""

    parser_classes = [MultiPartParser]

    @extend_schema(
        operation_id="clip_classify",
        summary="What does this photo show?",
        tags=["clip"],
        request=form_with_photo(ClassifyForm, "file"),
        responses=responses({200: ClassifyAnswer}, *UPLOAD, 409),
        examples=[
            OpenApiExample(
                "The two most likely",
                value={
                    "top_matches": [
                        {"category": "Sneakers", "score": 0.8731},
                        {"category": "Boots", "score": 0.1022},
                    ],
                    "model_version": "bundled",
                },
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def post(self, request: Request) -> Response:
        data = checked(ClassifyForm, request.data)
        try:
            matches, version = scoring_requests.classify(
                data["file"].file, top_k=data["top_k"], names=data.get("categories", ())
            )
        except ImageError as error:
            raise invalid("file", str(error)) from error
        except scoring_requests.NoCategories as error:
            raise Conflict(str(error)) from error
        return Response({"top_matches": matches, "model_version": version})
