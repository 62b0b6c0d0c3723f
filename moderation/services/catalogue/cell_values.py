"""What a cell says: a text, a category, the photos it names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from math import isnan
from numbers import Integral, Real
from typing import Any

from .catalogue_formats import BadCell, Repeated

_EXACT = 2**53
_ADDRESS = re.compile(r"(?:https?:)?//[^/\s]", re.IGNORECASE)
_BETWEEN_ADDRESSES = re.compile(r"(?<![\s,;|])[\s,;|]+(?=(?:https?:)?//)", re.IGNORECASE)
# "//cdn.shop.example/1.jpg", as Shopify writes addresses; "//photos/1.jpg" is a path.
_WITHOUT_SCHEME = re.compile(r"//[\w-]+(?:\.[\w-]+)+/")


def text_of(value: Any, column: str) -> str:
    """A cell as text; ids are often numbers, and a gap in a column of numbers is NaN.

    Raises `BadCell`.
    """
    import pandas as pd

    if isinstance(value, str):
        return value
    if isinstance(value, Repeated):
        return text_of(value[0], column)
    if isinstance(value, bytes):
        return _decoded(value, column)
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return ""
    if _is_whole(value):
        return str(int(value))
    raise BadCell(f"{column} is of type {type(value).__name__}; give a text.", column=column)


def photos_of(
    value: Any, column: str, *, divided_by: str = "", none: Collection[str] = ()
) -> Iterator[str]:
    """The paths and addresses that a cell names; a path may hold any sign but `divided_by`.

    Raises `BadCell`.
    """
    if hasattr(value, "__iter__") and not isinstance(value, str | bytes | Mapping):
        for one in value:
            yield from photos_of(one, column, divided_by=divided_by, none=none)
        return
    text = text_of(value, column)
    if _ADDRESS.match(text.strip()):
        found = [one.strip(" ,;|") for one in _BETWEEN_ADDRESSES.split(text.strip())]
    elif divided_by:
        found = [one.strip() for one in text.split(divided_by)]
    else:
        found = [text]
    for one in found:
        if one.strip() and one.lower() not in none:
            yield f"https:{one}" if _WITHOUT_SCHEME.match(one) else one


def category_of(text: str, *, levels: str = "", divided_by: str = "") -> str:
    """The last level of the first category; "" for the number of one."""
    first = re.split(rf"(?<!\\){re.escape(divided_by)}", text)[0] if divided_by else text
    last = first.replace(f"\\{divided_by}", divided_by).split(levels)[-1] if levels else first
    return "" if levels and last.strip().isdigit() else last.strip()


def shown_value(value: object) -> str:
    """A cell of any type for people; "" where nothing is there."""
    if isinstance(value, float) and isnan(value):
        return ""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if hasattr(value, "__iter__") and not isinstance(value, str | Mapping):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)


def _is_whole(value: Any) -> bool:
    """Also 7.0 and a decimal 7.00; beyond 2**53 other numbers would become this one as well."""
    if isinstance(value, Decimal):
        return value.is_finite() and value == value.to_integral_value()
    if isinstance(value, Integral):
        return not isinstance(value, bool)
    return isinstance(value, Real) and float(value).is_integer() and abs(float(value)) < _EXACT


def _decoded(value: bytes, column: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        reason = f"{column} holds bytes that are not UTF-8; give a text."
        raise BadCell(reason, column=column) from error
