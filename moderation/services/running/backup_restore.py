"""Putting a backup back, into an empty database and an empty media folder only.

What is there is never overwritten: whoever wants it replaced empties it first, in so many words.
The database comes last and in one piece, so that a restore which failed can be run again.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from ..rules import many_photos, photos, photos_away
from . import backup_check, backup_database, backup_files, backup_move
from .backup_files import CHECKPOINTS, MEDIA, POSTGRESQL, BackupError, Manifest, Progress


def restore(folder: Path, *, progress: Progress | None = None) -> Manifest:
    """Check the backup, put it back, and count the rows again.

    A backup of SQLite goes into PostgreSQL too, not the other way. Raises `BackupError`, and
    `NotStored` or `PhotosAway` where photos have no place.
    """
    folder = folder.absolute()
    manifest = backup_check.verify(folder, progress=progress)
    with photos_away.asking():
        _check_target(manifest)
    try:
        _files(folder, manifest)
        rows = _database(folder / manifest.database, manifest)
    except BaseException as error:
        _clear(manifest)
        if isinstance(error, OSError):
            raise BackupError(f"Nothing was restored ({error.strerror or error}).") from error
        raise
    if rows != counts(list(rows)):
        raise BackupError("The rows of the restored database are not those of the backup.")
    return manifest


def counts(tables: list[str]) -> dict[str, int]:
    """Rows by table, as they are now."""
    found = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
            found[table] = int(cursor.fetchone()[0])
    return found


# ── Where it goes ─────────────────────────────────────────────────────────────────────────────
def _check_target(manifest: Manifest) -> None:
    if there := connection.introspection.table_names():
        raise BackupError(
            f"The database of the settings is not empty ({len(there)} tables); restore into a new "
            "one: set DATABASE_URL, and do not run `migrate` before."
        )
    if manifest.database == POSTGRESQL and connection.vendor == "sqlite":
        raise BackupError(
            "A backup of PostgreSQL goes into PostgreSQL only; set DATABASE_URL to an empty "
            "database there."
        )
    known = set(MigrationLoader(None).disk_migrations)
    newer = [
        f"{app}.{name}"
        for app, names in manifest.migrations.items()
        for name in names
        if (app, name) not in known and not _is_replaced(app, name)
    ]
    if newer:
        raise BackupError(f"The backup is of a newer clipmod (it has {newer[0]}); install that.")
    if manifest.listed is not None:
        _check_listed(manifest.listed)
    elif any(photos.names()):
        raise BackupError(
            "The media folder is not empty; empty it, or set MEDIA_ROOT to another."
            if photos.local("")
            else "There are photos in the bucket already; set MEDIA_URL_STORAGE to a prefix that "
            "has none."
        )
    if not backup_files.is_empty(Path(settings.CLIP_CHECKPOINT_DIR)):
        raise BackupError(
            "The folder of trained models is not empty; empty it, or set CLIP_CHECKPOINT_DIR."
        )


def _is_replaced(app: str, name: str) -> bool:
    """Whether a squashed migration stands for it by now."""
    loader = MigrationLoader(None)
    return any((app, name) in migration.replaces for migration in loader.disk_migrations.values())


def _check_listed(listed: dict[str, str]) -> None:
    missing = many_photos.lost(listed)
    if missing:
        raise BackupError(
            "The backup has a list of photos and not the photos; put them into the media folder "
            f"first. Missing: {backup_files.counted(missing, 'photo')}."
        )


# ── Photos and models ─────────────────────────────────────────────────────────────────────────
def _files(folder: Path, manifest: Manifest) -> None:
    kept: list[tuple[Path, str]] = []
    for name in manifest.files:
        kind, _, rest = name.partition("/")
        source = backup_files.inside(folder, name)
        if kind == MEDIA:
            kept.append((source, rest))
        elif kind == CHECKPOINTS:
            with source.open("rb") as file:
                backup_files.copy(
                    file, backup_files.inside(Path(settings.CLIP_CHECKPOINT_DIR), rest)
                )
    with ThreadPoolExecutor(many_photos.threads(1)) as pool:
        try:
            list(pool.map(lambda one: _photo(*one), kept))
        finally:
            pool.shutdown(cancel_futures=True)  # nothing is written any more when it is cleared


def _photo(source: Path, name: str) -> None:
    target = photos.local(name)
    if target is None:
        photos.store(name, source.read_bytes())
        return
    with source.open("rb") as file:
        backup_files.copy(file, target)
    target.chmod(0o644)  # the web server sends it


def _clear(manifest: Manifest) -> None:
    """Take away what was written, and nothing else."""
    if not photos.local(""):
        parts = (name.partition("/") for name in manifest.files)
        many_photos.remove(name for kind, _, name in parts if kind == MEDIA)
    roots = {MEDIA: photos.local(""), CHECKPOINTS: Path(settings.CLIP_CHECKPOINT_DIR)}
    for name in manifest.files:
        kind, _, rest = name.partition("/")
        if root := roots.get(kind):
            (root / rest).unlink(missing_ok=True)
            for folder in Path(rest).parents[:-1]:
                with suppress(OSError):  # not empty yet, or gone
                    (root / folder).rmdir()


# ── The database ──────────────────────────────────────────────────────────────────────────────
def _database(source: Path, manifest: Manifest) -> dict[str, int]:
    """Put it back; returns the rows that must be there now."""
    if source.name == POSTGRESQL:
        connection.close()
        backup_database.run_client(
            ["pg_restore", "--single-transaction", "--exit-on-error", "--no-owner"],
            ["--no-privileges", str(source)],
        )
    elif connection.vendor == "sqlite":
        _place_sqlite(source)
    else:
        return backup_move.move(source)
    return manifest.rows


def _place_sqlite(source: Path) -> None:
    """The file gets its name when it is whole."""
    connection.close()
    target = Path(connection.settings_dict["NAME"])
    aside = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        with source.open("rb") as file:
            backup_files.copy(file, aside)
        for end in ("-wal", "-shm"):  # of the empty one
            target.with_name(target.name + end).unlink(missing_ok=True)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
