"""Rows, if the database finds them in time.

Which combination of filters an index answers depends on how rare their values are; nobody can
foresee that for all of them. So a page asks with a limit, and does with less where it is reached.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import OperationalError, connections, transaction
from django.db.models import QuerySet

_CANCELED = "57014"  # PostgreSQL's query_canceled


def in_time(rows: QuerySet, patience: timedelta) -> list[Any] | None:
    """The rows, or None where PostgreSQL did not find them in this time; SQLite takes its time."""
    connection = connections[rows.db]
    if connection.vendor != "postgresql":
        return list(rows)
    milliseconds = max(int(patience.total_seconds() * 1000), 1)
    try:
        with transaction.atomic(using=rows.db), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {milliseconds}")
            found = list(rows)
            # For the rest of a transaction around this one.
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
            return found
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != _CANCELED:
            raise
        return None
