"""An uploaded catalogue, kept from the dry run to the import, and its photos, safely unpacked."""

from __future__ import annotations

import re
import shutil
import time
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

KEPT_SECONDS = 24 * 3600
FILES_AT_MOST = 20_000
BYTES_AT_MOST = 2 * 2**30
_TOKEN = re.compile(r"[0-9a-f]{32}")
_CHUNK = 1 << 20


class UploadError(Exception):
    """A ZIP that cannot be taken; `str(error)` says why and what to do."""


@dataclass(frozen=True)
class Upload:
    """The files of one upload, in a folder of their own outside the media folder."""

    token: str
    catalogue: Path
    photos: Path | None

    def remove(self) -> None:
        shutil.rmtree(_root() / self.token, ignore_errors=True)


def keep(catalogue: UploadedFile, photos: UploadedFile | None) -> Upload:
    """Store an upload until it is imported or a day old. Raises `UploadError`."""
    _remove_old()
    token = uuid.uuid4().hex
    folder = _root() / token
    (folder / "catalogue").mkdir(parents=True, mode=0o700)
    try:
        with (folder / "catalogue" / Path(catalogue.name or "").name).open("wb") as file:
            for chunk in catalogue.chunks():
                file.write(chunk)
        if photos is not None:
            unpack(photos, folder / "photos")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    kept = find(token)
    assert kept is not None
    return kept


def find(token: str) -> Upload | None:
    """The upload of this token, or None where it is gone."""
    folder = _root() / token
    if not _TOKEN.fullmatch(token) or not folder.is_dir():
        return None
    photos = folder / "photos"
    return Upload(
        token=token,
        catalogue=next((folder / "catalogue").iterdir()),
        photos=photos if photos.is_dir() else None,
    )


def unpack(archive: UploadedFile, folder: Path) -> None:
    """Unpack plain files only; refuse what leads out of `folder` or is too much.

    Sizes are counted while writing, because a ZIP may lie about them. Raises `UploadError`.
    """
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as source:
            entries = [entry for entry in source.infolist() if not entry.is_dir()]
            if len(entries) > FILES_AT_MOST:
                raise UploadError(
                    f"The ZIP holds {len(entries):,} files; at most {FILES_AT_MOST:,} are "
                    "accepted. Import it in parts."
                )
            left = BYTES_AT_MOST
            for entry in entries:
                left = _unpack_entry(source, entry, folder / _inside(entry.filename), left)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise UploadError(f"The ZIP cannot be read ({error}); pack it again.") from error


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise UploadError(f"The ZIP holds the path {name}, which leads out of it; pack it again.")
    return path


def _unpack_entry(source: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Write one file; returns how many bytes may still come."""
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with source.open(entry) as packed, target.open("wb") as file:
        while chunk := packed.read(_CHUNK):
            size += len(chunk)
            left -= len(chunk)
            if size > settings.MAX_UPLOAD_BYTES:
                raise UploadError(
                    f"{entry.filename} in the ZIP has more than {settings.MAX_UPLOAD_MB:g} MB."
                )
            if left < 0:
                raise UploadError(
                    f"The ZIP unpacks to more than {BYTES_AT_MOST / 2**30:g} GB; import it in "
                    "parts."
                )
            file.write(chunk)
    return left


def _root() -> Path:
    return Path(settings.IMPORT_DIR)


def _remove_old() -> None:
    root = _root()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in root.iterdir():
        if folder.stat().st_mtime < time.time() - KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
