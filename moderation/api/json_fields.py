"""Fields of JSON bodies: a text is a string and a number a number, as the document says.

DRF's own take either for the other, as forms need, where everything is a text.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from moderation.services.catalogue import image_root

from .fields import THRESHOLD, ThresholdField


class TextField(serializers.CharField):
    """A string; a number is none, whose digits might be an id that begins with 0."""

    default_error_messages = {"invalid": "It is not a text; send a string."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class WholeNumberField(serializers.IntegerField):
    """A number without a fraction, such as an id."""

    default_error_messages = {"invalid": "It is not a whole number; send one, without quotes."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


@extend_schema_field(THRESHOLD)
class JsonThresholdField(ThresholdField):
    """A threshold that is a number, or null as if it were left out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_internal_value(self, data: Any) -> float:
        return super().to_internal_value(None if isinstance(data, str) else data)


@extend_schema_field(
    {
        "type": "string",
        "minLength": 1,
        "example": "products/red-shirt.jpg",
        "description": "A file inside CLIP_IMAGE_ROOT, relative to it.",
    }
)
class ImagePathField(TextField):
    """A path inside the image folder; one that leads out of it is refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        try:
            return image_root.inside(super().to_internal_value(data))
        except image_root.ForbiddenPath as error:
            raise serializers.ValidationError(str(error)) from error
