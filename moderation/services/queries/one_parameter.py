"""Long lists in a query as a single parameter.

A thousand parameters cost more than the query itself: each is quoted, and with DEBUG on each is
kept as text of the query's log.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL


def among(field: str, values: Sequence[int] | Sequence[str]) -> Q:
    """The condition that a column holds one of these values (all numbers or all texts)."""
    if not values:
        return Q(**{f"{field}__in": []})
    if connection.vendor == "postgresql":
        kind = "bigint" if isinstance(values[0], int) else "text"
        one = RawSQL(f"SELECT unnest(%s::{kind}[])", [list(values)])
    else:
        one = RawSQL("SELECT value FROM json_each(%s)", [json.dumps(list(values))])
    return Q(**{f"{field}__in": one})
