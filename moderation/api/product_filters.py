"""What the list of products can be narrowed to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field

from moderation.models import Analysis, Product, key_of

from .errors import invalid


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


class WithdrawnFilter(TrueFalseFilter):
    """Present products, unless those that were withdrawn are asked for."""

    def filter(self, qs: QuerySet, value: Any) -> QuerySet:
        return qs.filter(withdrawn_at__isnull=value is not True)


class OneOfFilter(filters.ChoiceFilter):
    """One of some words; the refusal of any other lists them."""

    def __init__(self, choices: list[tuple[str, str]], **kwargs: Any) -> None:
        words = ", ".join(word for word, _label in choices)
        refusal = f"“%(value)s” is none of them; send one of {words}."
        super().__init__(choices=choices, error_messages={"invalid_choice": refusal}, **kwargs)


class CategoryFilter(filters.CharFilter):
    """A category by its name, in any spelling."""

    def filter(self, qs: QuerySet, value: str) -> QuerySet:
        return super().filter(qs, key_of(value))


def of_category(product: str = "") -> filters.CharFilter:
    """By a category's name; `product` is the path to the product, such as `product__`."""
    return CategoryFilter(
        field_name=f"{product}category__key",
        help_text="A category's name; upper and lower case are the same.",
    )


def of_seller(product: str = "") -> filters.CharFilter:
    """By the seller, with the same path."""
    return filters.CharFilter(
        field_name=f"{product}seller", help_text="The seller, exactly as it was given."
    )


class Filters(filters.FilterSet):
    """A parameter that is there has a value; only a text may be empty."""

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(data, *args, **kwargs)
        for name, value in self.data.items():
            if value == "" and not isinstance(self.filters.get(name), filters.CharFilter | None):
                raise invalid(name, f"{name} is empty; send a value, or leave it out.")


class ProductFilters(Filters):
    category = of_category()
    status = OneOfFilter(
        field_name="newest_status",
        choices=Analysis.Status.choices,
        help_text="Status of the newest analysis.",
    )
    is_mismatch = TrueFalseFilter(
        method="filter_mismatch",
        help_text="Verdict of the current analysis; neither of the two where it is not `readable`, "
        "or where you may be asked to judge the product blind.",
    )
    readable = TrueFalseFilter(
        method="filter_readable",
        help_text="Whether the model read the text of the current analysis, once that is done; "
        "neither of the two where you may be asked to judge the product blind.",
    )
    seller = of_seller()
    source = OneOfFilter(choices=Product.Source.choices)
    withdrawn = WithdrawnFilter(
        help_text="Those that were withdrawn instead of those that are offered."
    )
    updated_after = MomentFilter(
        field_name="updated_at", lookup_expr="gt", help_text="Such as 2026-01-31T12:00:00Z."
    )

    class Meta:
        model = Product
        fields: list[str] = []

    def filter_mismatch(
        self, products: QuerySet[Any], _name: str, is_mismatch: bool
    ) -> QuerySet[Any]:
        return products.filter(is_kept_back=False, analysis__is_mismatch=is_mismatch)

    def filter_readable(
        self, products: QuerySet[Any], _name: str, is_readable: bool
    ) -> QuerySet[Any]:
        done = products.filter(is_kept_back=False, analysis__status=Analysis.Status.DONE)
        read = {"analysis__unreadable": ""}
        return done.filter(**read) if is_readable else done.exclude(**read)
