"""What a batch is sent as, and what is answered."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from .answers import VERDICT_EXAMPLE, VerdictAnswer
from .fields import PhotoField, ThresholdField
from .json_fields import ImagePathField, JsonThresholdField, TextField


# Without the example Swagger UI fills in signs drawn at random.
@extend_schema_field({"type": "string", "example": "Red cotton T-shirt"})
class _PhotoTextField(serializers.CharField):
    """The text of one photo among many; an empty one is an error of that photo."""


class BatchForm(serializers.Serializer[Any]):
    """Photos with their texts, in the same order."""

    files = serializers.ListField(
        child=PhotoField(per_item=True),
        error_messages={"required": "files is missing; send the photos as form fields `files`."},
    )
    texts = serializers.ListField(
        child=_PhotoTextField(allow_blank=True),
        error_messages={"required": "texts is missing; send one form field `texts` per photo."},
        help_text="One for each of the files, in their order.",
    )
    threshold = ThresholdField()

    def validate(self, form: dict[str, Any]) -> dict[str, Any]:
        files, texts = len(form["files"]), len(form["texts"])
        if files != texts:
            raise ValidationError(
                {"texts": [f"There are {texts} texts for {files} files; send one for each."]}
            )
        return form


class BatchItem(serializers.Serializer[Any]):
    image_path = ImagePathField()
    text = TextField(
        allow_blank=True,
        help_text=f"At most {settings.MAX_TEXT_LENGTH} characters; more is an error of this item.",
    )
    threshold = JsonThresholdField()


class BatchItems(serializers.Serializer[Any]):
    """Photos that lie in the image folder already."""

    items = serializers.ListField(
        child=BatchItem(), min_length=1, max_length=settings.MAX_BATCH_ITEMS
    )


class BatchProducts(serializers.Serializer[Any]):
    """Products that were taken in before."""

    product_ids = serializers.ListField(
        child=TextField(trim_whitespace=False),
        min_length=1,
        max_length=settings.MAX_BATCH_ITEMS,
    )


class BatchResult(VerdictAnswer):
    index = serializers.IntegerField(help_text="Position in the request, from 0.")
    product_id = serializers.CharField(
        required=False, help_text="Only where `product_ids` were asked for."
    )


class BatchError(serializers.Serializer[Any]):
    index = serializers.IntegerField(help_text="Position in the request, from 0.")
    error = serializers.CharField()


class BatchAnswer(serializers.Serializer[Any]):
    """Every index of the request is in one of the two lists."""

    results = BatchResult(many=True)
    errors = BatchError(many=True)  # type: ignore[assignment]


EXAMPLES = [
    OpenApiExample(
        "Photos in the image folder",
        value={
            "items": [
                {"image_path": "products/shirt.jpg", "text": "Red cotton T-shirt"},
                {"image_path": "products/mug.jpg", "text": "Blue mug", "threshold": 0.3},
            ]
        },
        request_only=True,
        media_type="application/json",
    ),
    OpenApiExample(
        "Known products",
        value={"product_ids": ["SKU-1001", "SKU-1002"]},
        request_only=True,
        media_type="application/json",
    ),
    OpenApiExample(
        "One verdict, one error",
        value={
            "results": [{"index": 0, **VERDICT_EXAMPLE}],
            "errors": [{"index": 1, "error": "The image mug.jpg does not exist; check its path."}],
        },
        response_only=True,
        status_codes=["200"],
    ),
]
