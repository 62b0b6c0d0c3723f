"""The one way to erase decisions, which the database protects against everybody.

Only whole demo products are erased by it; their decisions are nobody's labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import ProgrammingError, connection, transaction

_TABLE = "moderation_decision"
_TRIGGER = "decision_append_only"  # of PostgreSQL; migration 0002


class NotPermitted(Exception):
    """The database user may not lift the protection."""


@contextmanager
def decisions_erasable() -> Iterator[None]:
    """Lift the protection until the block ends, for this transaction alone, and put it back.

    Others cannot write decisions meanwhile, and see nothing of it. Raises `NotPermitted`.
    """
    lifted = _on_sqlite if connection.vendor == "sqlite" else _on_postgresql
    with transaction.atomic(), lifted():
        yield


@contextmanager
def _on_sqlite() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [_TABLE]
        )
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, sql in triggers:
            cursor.execute(sql)


@contextmanager
def _on_postgresql() -> Iterator[None]:
    with connection.cursor() as cursor:
        try:
            _alter(cursor, "DISABLE")
        except ProgrammingError as error:
            raise NotPermitted(
                "Decisions are protected, and this database user does not own their table; "
                "run it with the DATABASE_URL of the user who runs `migrate`."
            ) from error
        yield
        _alter(cursor, "ENABLE")


def _alter(cursor: Any, what: str) -> None:
    # What waits to be checked at the transaction's end would forbid changing the table.
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    cursor.execute(f"ALTER TABLE {_TABLE} {what} TRIGGER {_TRIGGER}")
    cursor.execute("SET CONSTRAINTS ALL DEFERRED")
