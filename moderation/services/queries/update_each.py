"""Other values in each of many rows."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from django.db.models import Model


def update_each(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Save these fields of each row; no row may be of another table.

    Ends as Django's `bulk_update`, which builds a tree of conditions for each value: here one
    statement is run with many parameters, in a tenth of the time.
    """
    if not rows:
        return
    meta = rows[0]._meta
    of_name = {column.name: column for column in meta.concrete_fields}
    columns = [of_name[name] for name in fields]
    quoted = connection.ops.quote_name
    values = ", ".join(f"{quoted(str(column.column))} = %s" for column in columns)
    statement = f"UPDATE {quoted(meta.db_table)} SET {values} WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.executemany(
            statement,
            [
                (
                    *(c.get_db_prep_save(getattr(row, c.attname), connection) for c in columns),
                    row.pk,
                )
                for row in rows
            ],
        )
