"""The database in a backup: dumped at one moment while people write, counted, looked into.

SQLite gives a copy by its own backup function, PostgreSQL by pg_dump. The address is the one of the
settings, and the password goes by the environment: others of the machine see command lines.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.db import connection, transaction

from moderation.models import Analysis, Product, ProductPhoto

from ..queries.streamed import streamed
from .backup_files import POSTGRESQL, SQLITE, BackupError

_MIGRATIONS = "django_migrations"
_WITH_PHOTOS = [ProductPhoto._meta.db_table, Product._meta.db_table]
_APPEND_ONLY = {"decision_no_update", "decision_no_delete"}


@dataclass(frozen=True)
class Contents:
    """What a dumped database holds."""

    rows: dict[str, int]
    migrations: dict[str, list[str]]


def dump(folder: Path) -> tuple[str, Contents]:
    """Write the database into the folder; the file's name, and what is in it.

    Raises `BackupError`.
    """
    if connection.vendor == "sqlite":
        _copy_sqlite(folder / SQLITE)
        return SQLITE, contents_of_sqlite(folder / SQLITE)
    return POSTGRESQL, _dump_postgresql(folder / POSTGRESQL)


def tables() -> list[str]:
    """Every table that clipmod or what it is built on writes."""
    models = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in models if not model._meta.proxy})


# ── SQLite ────────────────────────────────────────────────────────────────────────────────────
def _copy_sqlite(target: Path) -> None:
    """In one step, so that it is of one moment; in WAL mode nobody waits for it."""
    try:
        with (
            closing(sqlite3.connect(connection.settings_dict["NAME"])) as source,
            closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    except sqlite3.Error as error:
        raise BackupError(f"The database cannot be copied ({error}).") from error


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A SQLite file of a backup, which nothing can change. Raises `BackupError`."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as file:
            yield file
    except sqlite3.Error as error:
        raise BackupError(f"{path} is no sound database ({error}).") from error


def contents_of_sqlite(path: Path) -> Contents:
    """What is in it, where it is sound. Raises `BackupError`."""
    with opened(path) as file:
        sound = [row[0] for row in file.execute("PRAGMA integrity_check")]
        if sound != ["ok"] or file.execute("PRAGMA foreign_key_check").fetchone():
            raise BackupError(f"{path} is no sound database ({sound[0]}).")
        there = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
        if Product._meta.db_table in there and not there >= _APPEND_ONLY:
            raise BackupError(f"{path} lacks the triggers that protect decisions.")
        rows = {
            name: int(file.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])
            for name in [*tables(), _MIGRATIONS]
            if name in there
        }
        applied = file.execute(f"SELECT app, name FROM {_MIGRATIONS} ORDER BY id").fetchall()
    return Contents(rows, _by_application(applied))


def photos_of_sqlite(path: Path) -> dict[str, str]:
    """The photos of its products by name, with their hashes."""
    with opened(path) as file:
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master")}
        photos: dict[str, str] = {}
        for table in (one for one in _WITH_PHOTOS if one in tables):  # former releases have one
            photos.update(file.execute(f"SELECT image, image_sha256 FROM {table}"))
    photos.pop("", None)  # of what is still to be fetched
    return photos


# ── PostgreSQL ────────────────────────────────────────────────────────────────────────────────
def _dump_postgresql(target: Path) -> Contents:
    """pg_dump and the counts look at one and the same moment."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        run_client(
            ["pg_dump", "--format=custom", "--no-owner", "--no-privileges"],
            [f"--snapshot={snapshot}", f"--file={target}"],
        )
        there = set(connection.introspection.table_names(cursor))
        rows = {}
        for name in [*tables(), _MIGRATIONS]:
            if name in there:
                cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")
                rows[name] = int(cursor.fetchone()[0])
        cursor.execute(f"SELECT app, name FROM {_MIGRATIONS} ORDER BY id")
        return Contents(rows, _by_application(cursor.fetchall()))


def run_client(program: Sequence[str], options: Sequence[str]) -> None:
    """Run a client program of PostgreSQL on the database of the settings. Raises `BackupError`."""
    from psycopg import conninfo, pq

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = {k: v for k, v in connection.get_connection_params().items() if k in known}
    password = given.pop("password", None)
    address = conninfo.make_conninfo("", **given)
    environment = os.environ | ({"PGPASSWORD": str(password)} if password else {})
    _run([*program, f"--dbname={address}", *options], environment)


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise BackupError(
            f"There is no {command[0]}; install the client programs of PostgreSQL."
        ) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"status {error.returncode}"]
        raise BackupError(f"{command[0]} failed: {said[0]}") from error


def look_into_dump(path: Path) -> tuple[Contents, dict[str, str]]:
    """What a dump holds and the photos of its products, read to its end without a server.

    Raises `BackupError`.
    """
    rows: Counter[str] = Counter()
    applied: list[tuple[str, str]] = []
    photos: dict[str, str] = {}
    for table, columns, values in _dumped(path):
        rows[table] += values is not None
        if values is None:
            continue
        if table == _MIGRATIONS:
            applied.append((values[columns.index("app")], values[columns.index("name")]))
        elif table in _WITH_PHOTOS:
            photos[values[columns.index("image")]] = values[columns.index("image_sha256")]
    photos.pop("", None)  # of what is still to be fetched
    return Contents(dict(rows), _by_application(applied)), photos


def _dumped(path: Path) -> Iterator[tuple[str, list[str], list[str] | None]]:
    """(table, columns, values) of each row in a dump; at the begin of each table without values."""
    command = ["pg_restore", "--data-only", "--file=-", str(path)]
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
    except FileNotFoundError as error:
        raise BackupError(
            "There is no pg_restore; install the client programs of PostgreSQL."
        ) from error
    assert process.stdout is not None and process.stderr is not None
    table, columns = "", list[str]()
    with process:
        for line in process.stdout:
            line = line.rstrip("\n")
            if not table and line.startswith("COPY ") and line.endswith(" FROM stdin;"):
                name, _, rest = line.removeprefix("COPY ").partition(" (")
                table = name.rpartition(".")[2].strip('"')
                columns = [one.strip('"') for one in rest.partition(") FROM")[0].split(", ")]
                yield table, columns, None
            elif line == "\\.":
                table = ""
            elif table:
                yield table, columns, line.split("\t")
        said = process.stderr.read().strip().splitlines()
    if process.returncode:
        raise BackupError(f"{path} is no sound dump ({said[0] if said else 'it cannot be read'}).")


# ── Both ──────────────────────────────────────────────────────────────────────────────────────
def look_into(path: Path) -> tuple[Contents, dict[str, str]]:
    """What the database of a backup holds, and the photos of its products. Raises `BackupError`."""
    if path.name == SQLITE:
        return contents_of_sqlite(path), photos_of_sqlite(path)
    return look_into_dump(path)


def named_photos() -> dict[str, str]:
    """The photos that rows name now, with their hashes: of products, and of what was judged."""
    found: dict[str, str] = {}
    for model in (Analysis, ProductPhoto, Product):
        rows = model._default_manager.order_by().exclude(image="")
        with streamed(rows.values_list("image", "image_sha256").distinct()) as photos:
            found.update(photos)
    return found


def _by_application(applied: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for application, name in applied:
        found.setdefault(application, []).append(name)
    return found
