"""Fields that choose: one of some words, how many, of which categories."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

MAX_CATEGORIES = 100


class OneOfField(serializers.ChoiceField):
    """One of some words; the refusal of any other lists them."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        wanted = "send one of " + ", ".join(str(word) for word in self.choices)
        wanted += "." if self.required else ", or leave it out."
        self.error_messages = {
            **self.error_messages,
            "required": f"{{field_name}} is missing; {wanted}",
            "null": f"{{field_name}} is null; {wanted}",
            "invalid_choice": f"{{field_name}} is “{{input}}”; {wanted}",
        }

    def fail(self, key: str, **kwargs: Any) -> Any:
        sent = str(kwargs.pop("input", ""))[:40]
        super().fail(key, field_name=self.field_name, input=sent, **kwargs)


class TopKField(serializers.IntegerField):
    """How many categories to answer."""

    def __init__(self, **kwargs: Any) -> None:
        sentence = "top_k is not a whole number from 1 to 50; send one, or leave it out."
        super().__init__(
            min_value=1,
            max_value=50,
            default=5,
            error_messages=dict.fromkeys(
                ("invalid", "min_value", "max_value", "max_string_length", "null"), sentence
            ),
            help_text="How many categories to answer, the most likely first.",
            **kwargs,
        )


@extend_schema_field(
    {
        "type": "string",
        "pattern": r"^[^\x00]*[^\s,\x00\x1c-\x1f\x85][^\x00]*$",  # at least one name
        "example": "",
        "description": f"Up to {MAX_CATEGORIES} categories to choose from, with commas, such as "
        "“shoe, bag, mug”. Omitted: the active categories.",
    }
)
class CategoryListField(serializers.CharField):
    """Category names in one string, with commas between them."""

    def to_internal_value(self, data: Any) -> list[str]:  # type: ignore[override]
        names = [name.strip() for name in super().to_internal_value(data).split(",")]
        names = list(dict.fromkeys(name for name in names if name))
        if not names:
            raise serializers.ValidationError(
                "categories holds no name; send names with commas between them, or leave it out."
            )
        if len(names) > MAX_CATEGORIES:
            raise serializers.ValidationError(
                f"categories holds {len(names)} names; at most {MAX_CATEGORIES} are accepted."
            )
        if any(len(name) > 100 for name in names):
            raise serializers.ValidationError(
                "categories holds a name of more than 100 characters; shorten it."
            )
        return names
