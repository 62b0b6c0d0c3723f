"""Whether a backup is worth something: every file as it was written, the database, the photos."""

from __future__ import annotations

from pathlib import Path

from . import backup_database, backup_files
from .backup_files import MEDIA, BackupError, Manifest, Progress


def verify(folder: Path, *, progress: Progress | None = None) -> Manifest:
    """Read all of it. Raises `BackupError` with the first thing that is wrong.

    Every hash, the soundness of the database (a dump is read to its end), its rows by table, and
    that the photo of every product is there, but for those that were lost when it was made.
    """
    manifest = Manifest.read(folder)
    for done, (name, sha256) in enumerate(manifest.files.items(), 1):
        path = backup_files.inside(folder, name)
        try:
            found = backup_files.sha256_of(path)
        except OSError as error:
            raise BackupError(f"{path} cannot be read ({error.strerror}).") from error
        if found != sha256:
            raise BackupError(f"{path} is not as it was written; take another backup.")
        if progress:
            progress(done, len(manifest.files))
    if manifest.database not in manifest.files:
        raise BackupError(f"{folder} has no database.")
    contents, photos = backup_database.look_into(folder / manifest.database)
    rows = {name: contents.rows.get(name) for name in manifest.rows}
    if (rows, contents.migrations) != (manifest.rows, manifest.migrations):
        raise BackupError(f"The database in {folder} does not hold what the manifest says.")
    _check_photos(photos, manifest)
    return manifest


def _check_photos(photos: dict[str, str], manifest: Manifest) -> None:
    there = manifest.listed
    if there is None:
        prefix = f"{MEDIA}/"
        files = manifest.files.items()
        there = {name[len(prefix) :]: sha for name, sha in files if name.startswith(prefix)}
    wanted = {name: sha for name, sha in photos.items() if name not in set(manifest.lost)}
    missing = [name for name in wanted if name not in there]
    if missing:
        raise BackupError(f"Missing in the backup: {backup_files.counted(missing, 'photo')}.")
    other = [name for name, sha256 in wanted.items() if there[name] != sha256]
    if other:
        raise BackupError(
            f"Not the photos that were judged: {backup_files.counted(other, 'photo')}."
        )
