"""From SQLite to PostgreSQL: row by row into tables that the migrations have made.

Values go as Django reads and writes them, keys stay what they are, and the sequences go on after
the largest. All in one transaction: where a row does not fit, nothing has happened.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.color import no_style
from django.db import Error, connection, connections, models, transaction

from clipmod import stores

from ..queries.streamed import streamed
from .backup_files import SQLITE, BackupError

_SOURCE = "backup"
_AT_ONCE = 1000


def move(source: Path) -> dict[str, int]:
    """Copy the file's rows into the empty database; rows by table. Raises `BackupError`."""
    with _migrated(source), transaction.atomic():
        call_command("migrate", verbosity=0)
        kinds = _kinds()
        with connection.cursor() as cursor:
            # What migrations have put there comes with the backup, under its own keys.
            names = [connection.ops.quote_name(kind._meta.db_table) for kind in kinds]
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what waits would be in the way
            cursor.execute(f"TRUNCATE {', '.join(names)}")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        rows = {kind._meta.db_table: _copy(kind) for kind in kinds}
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # now, and not at the very end
            for statement in connection.ops.sequence_reset_sql(no_style(), kinds):
                cursor.execute(statement)
    return rows


@contextmanager
def _migrated(source: Path) -> Iterator[None]:
    """A copy of the file as another database of Django's, with the migrations of this release."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copyfile(source, copy := Path(scratch, SQLITE))
        entry = connections.configure_settings({"default": stores.database(f"sqlite:///{copy}")})
        connections.settings[_SOURCE] = entry["default"]
        try:
            call_command("migrate", database=_SOURCE, verbosity=0)
            yield
        finally:
            connections[_SOURCE].close()
            del connections[_SOURCE], connections.settings[_SOURCE]


def _kinds() -> list[type[models.Model]]:
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if model._meta.managed and not model._meta.proxy]


def _copy(kind: type[models.Model]) -> int:
    fields = [field for field in kind._meta.concrete_fields if not field.generated]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    found = kind._base_manager.using(_SOURCE).order_by("pk")
    found = found.values_list(*(field.attname for field in fields))
    count = 0
    try:
        with (
            connection.cursor() as cursor,
            cursor.copy(f"COPY {quote(kind._meta.db_table)} ({columns}) FROM STDIN") as rows,
            streamed(found, at_once=_AT_ONCE) as copied,
        ):
            for values in copied:
                rows.write_row([_prepared(*pair) for pair in zip(fields, values, strict=True)])
                count += 1
    except Error as error:
        raise BackupError(
            f"A row of {kind._meta.db_table} does not fit into PostgreSQL ({error}); nothing was "
            "restored."
        ) from error
    return count


def _prepared(field: models.Field[Any, Any], value: Any) -> Any:
    return field.get_db_prep_save(value, connection)
