"""Making a backup: the database first, then photos and models, while people work.

A photo is written before its row and never changed, so whatever the database names is there when
the photos are copied. The folder gets its name when it is whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.utils import timezone

from moderation.clip.atomic import filled

from ..datasets.dataset_manifest import utc_text
from ..rules import many_photos, photos, photos_away
from . import backup_database, backup_files
from .backup_files import CHECKPOINTS, MEDIA, BackupError, Manifest, Progress


def make(folder: Path, *, with_photos: bool = True, progress: Progress | None = None) -> Manifest:
    """Write a backup into a new folder, whole or not at all; only its owner may read it.

    Without photos the manifest lists them with their hashes. `progress` is called with (files done,
    files in all). Raises `BackupError`, and `PhotosAway` where the photos are not there.
    """
    folder = folder.absolute()
    if not backup_files.is_empty(folder):
        raise BackupError(f"{folder} exists and is not empty; choose a new folder.")
    try:
        with filled(folder, mode=0o700) as unfinished:
            manifest = _database(unfinished)
            _photos(unfinished, manifest, is_copied=with_photos, progress=progress)
            _checkpoints(unfinished, manifest)
            manifest.write(unfinished)
    except OSError as error:
        raise BackupError(f"{folder} cannot be written ({error.strerror or error}).") from error
    return manifest


def _database(folder: Path) -> Manifest:
    name, contents = backup_database.dump(folder)
    manifest = Manifest(utc_text(timezone.now()), name, contents.migrations, contents.rows)
    manifest.files[name] = backup_files.sha256_of(folder / name)
    return manifest


def _photos(
    folder: Path, manifest: Manifest, *, is_copied: bool, progress: Progress | None
) -> None:
    named = backup_database.named_photos()
    with photos_away.asking():
        manifest.lost = many_photos.lost(named)
    photos_away.check_names(manifest.lost)
    there = {name: sha for name, sha in named.items() if name not in set(manifest.lost)}
    if not is_copied:
        manifest.listed = there
        return
    # Of a folder also what else lies there; a bucket may hold files of any size and of others.
    wanted = sorted({*there, *(photos.names() if photos.local("") else ())})
    for done, (name, read) in enumerate(many_photos.beside(wanted, str, ask=photos.read), 1):
        path = f"{MEDIA}/{name}"
        try:
            with _opened(name, read) as file:
                manifest.files[path] = backup_files.copy(file, folder / path)
        except FileNotFoundError:
            if name in there:
                raise
            continue  # somebody's own file, or one that was just being written
        if name in there and there[name] != manifest.files[path]:
            manifest.lost.append(name)
        if progress:
            progress(done, len(wanted))


def _opened(name: str, read: Callable[[], bytes]) -> BinaryIO:
    path = photos.local(name)
    if path:
        return path.open("rb")
    with photos_away.asking():
        return BytesIO(read())


def _checkpoints(folder: Path, manifest: Manifest) -> None:
    source = Path(settings.CLIP_CHECKPOINT_DIR)
    for path in _files_below(source):
        name = f"{CHECKPOINTS}/{path.relative_to(source).as_posix()}"
        try:
            with path.open("rb") as file:
                manifest.files[name] = backup_files.copy(file, folder / name)
        except FileNotFoundError:
            continue  # of a training that runs and has written a newer one


def _files_below(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())
