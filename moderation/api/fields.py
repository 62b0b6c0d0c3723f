"""The fields of a listing, each with a sentence for every way to get it wrong."""

from __future__ import annotations

import math
from typing import Any, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.utils import OpenApiRequest, extend_schema_field
from rest_framework import serializers

from moderation.services.catalogue.oddities import shows_nothing

from .errors import PayloadTooLarge

_PHOTO_TYPES = "image/jpeg, image/png, image/webp, image/gif"


def form_with_photo(
    form: type[serializers.Serializer[Any]], field: str, **others: dict[str, Any]
) -> dict[str, Any]:
    """A form as the OpenAPI document describes it, with the types of the photo in `field`."""
    encoding = {field: {"contentType": _PHOTO_TYPES}, **others}
    return {"multipart/form-data": OpenApiRequest(form, encoding=encoding)}


@extend_schema_field(
    {"type": "string", "format": "binary", "description": "A JPEG, PNG, WebP or GIF file."}
)
class PhotoField(serializers.FileField):
    """An uploaded file of at most `MAX_UPLOAD_BYTES`; what is in it is checked on decoding.

    With `per_item` an empty or too large one passes, to be answered as the error of its item.
    """

    default_error_messages = {
        "required": "{field_name} is missing; send the photo as the form field {field_name}.",
        "null": "{field_name} is missing; send the photo as the form field {field_name}.",
        "invalid": "{field_name} is not an uploaded file; send the photo itself, as "
        "`curl -F {field_name}=@photo.jpg` does.",
        "empty": "{field_name} is empty (0 bytes); send the photo again.",
        "no_name": "{field_name} has no file name; send it with one.",
    }

    def __init__(self, *, per_item: bool = False, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=per_item, **kwargs)
        self.per_item = per_item

    def fail(self, key: str, **kwargs: Any) -> Any:
        super().fail(key, **{"field_name": self.field_name or "file", **kwargs})

    def to_internal_value(self, data: Any) -> UploadedFile:
        file = cast("UploadedFile[Any]", super().to_internal_value(data))
        if not self.per_item and (problem := size_problem(file)):
            raise PayloadTooLarge(problem)
        return file


def size_problem(file: UploadedFile) -> str:
    """What is wrong with the size of an uploaded photo, or nothing."""
    if (file.size or 0) <= settings.MAX_UPLOAD_BYTES:
        return ""
    return (
        f"The photo has {(file.size or 0) / 2**20:.1f} MB; at most {settings.MAX_UPLOAD_MB:g} MB "
        "are accepted, send a smaller one."
    )


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": settings.MAX_TEXT_LENGTH,
        "example": "Red cotton T-shirt with a round neck",
        "description": "Title or description, as the shop shows it.",
    }
)
class ListingTextField(serializers.CharField):
    """The text of a listing: 1 to `MAX_TEXT_LENGTH` characters."""

    default_error_messages = {
        "required": "text is missing; send the title or description of the product.",
        "null": "text is missing; send the title or description of the product.",
        "blank": "text is empty; send the title or description of the product.",
        "invalid": "text is not a text; send the title or description as a string.",
    }

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if problem := text_problem(text):
            raise serializers.ValidationError(problem)
        return text


def text_problem(text: str) -> str:
    """What is wrong with a listing's text, or nothing."""
    if shows_nothing(text):
        return "text is empty; send the title or description of the product."
    if len(text) > settings.MAX_TEXT_LENGTH:
        return (
            f"text has {len(text)} characters; at most {settings.MAX_TEXT_LENGTH} are accepted, "
            "shorten it."
        )
    return ""


THRESHOLD: dict[str, Any] = {
    "type": "number",
    "minimum": -1,
    "maximum": 1,
    "example": "",  # else Swagger UI fills in the maximum, which flags everything
    "description": "A similarity below it is a mismatch, so a higher one is stricter. "
    "Omitted: the threshold of the category or of the active model.",
}


@extend_schema_field(THRESHOLD)
class ThresholdField(serializers.FloatField):
    """A similarity from -1 to 1."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "default": None, **kwargs})

    def to_internal_value(self, data: Any) -> float:
        try:
            value = math.nan if isinstance(data, bool) else float(data)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not -1 <= value <= 1:  # false for NaN too
            raise serializers.ValidationError(
                f"threshold is {str(data)[:40]!r}; send a number from -1 to 1, or leave it out."
            )
        return value


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "maxLength": 100,
        "example": "SKU-1001",
        "description": "The shop's own id of the product.",
    }
)
class ProductIdField(serializers.CharField):
    """An id of 1 to 100 characters."""

    default_error_messages = {
        "required": "product_id is missing; send the shop's own id of the product.",
        "blank": "product_id is empty; send the shop's own id of the product.",
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=100, **kwargs)


@extend_schema_field({"type": "string", "maxLength": 100, "example": ""})
class OptionalNameField(serializers.CharField):
    """A name of at most 100 characters, or none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=100, required=False, allow_blank=True, **kwargs)
