"""What the list of products can be narrowed to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from moderation.models import Analysis, Product


class MomentField(filters.IsoDateTimeFilter.field_class):
    """A date and time that also exists in UTC."""

    default_error_messages = {
        "invalid": "updated_after is not a time; send one such as 2026-01-31T12:00:00Z."
    }

    def clean(self, value: Any) -> datetime | None:
        moment: datetime | None = super().clean(value)
        try:
            return moment.astimezone(UTC) if moment else None
        except (OverflowError, ValueError) as error:
            raise forms.ValidationError(self.error_messages["invalid"]) from error


class MomentFilter(filters.IsoDateTimeFilter):
    field_class = MomentField


@extend_schema_field(bool)
class TrueFalseFilter(filters.TypedChoiceFilter):
    """`true` or `false`; anything else is refused rather than ignored."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            choices=[("true", "true"), ("false", "false")],
            coerce=lambda value: value == "true",
            error_messages={"invalid_choice": "%(value)s is neither true nor false; send one."},
            **kwargs,
        )


class OneOfFilter(filters.ChoiceFilter):
    """One of some words; the refusal of any other lists them."""

    def __init__(self, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        words = ", ".join(word for word, _label in choices)
        refusal = f"“%(value)s” is none of them; send one of {words}."
        super().__init__(choices=choices, error_messages={"invalid_choice": refusal}, **kwargs)


def of_category(product: str = "") -> filters.CharFilter:
    """By a category's name; `product` is the path to the product, such as `product__`."""
    return filters.CharFilter(
        field_name=f"{product}category__name", lookup_expr="iexact", help_text="A category's name."
    )


def of_seller(product: str = "") -> filters.CharFilter:
    """By the seller, with the same path."""
    return filters.CharFilter(
        field_name=f"{product}seller", help_text="The seller, exactly as it was given."
    )


class ProductFilters(filters.FilterSet):
    category = of_category()
    status = OneOfFilter(
        field_name="newest_status",
        choices=Analysis.Status.choices,
        help_text="Status of the newest analysis.",
    )
    is_mismatch = TrueFalseFilter(
        field_name="analysis__is_mismatch", help_text="Verdict of the current analysis."
    )
    seller = of_seller()
    source = OneOfFilter(choices=Product.Source.choices)
    updated_after = MomentFilter(
        field_name="updated_at", lookup_expr="gt", help_text="Such as 2026-01-31T12:00:00Z."
    )

    class Meta:
        model = Product
        fields: list[str] = []
