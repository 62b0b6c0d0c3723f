"""An uploaded catalogue and its unpacked photos, kept from the dry run to the import."""

from __future__ import annotations

import re
import shutil
import time
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from moderation.services.catalogue.catalogue_file import open_catalogue
from moderation.services.catalogue.catalogue_formats import CatalogueFileError
from moderation.services.catalogue.column_mapping import Choice
from moderation.services.catalogue.photo_archive import ArchiveError, unpack

KEPT_SECONDS = 24 * 3600
_TOKEN = re.compile(r"[0-9a-f]{32}")
_ROWS = 1000
_STEM_BYTES = 200


class UploadError(Exception):
    """An upload that cannot be taken; `str(error)` says why and what to do."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Upload:
    """The files of one upload, in a folder of their own outside the media folder."""

    token: str
    catalogue: Path
    photos: Path | None

    @property
    def glanced(self) -> Path:
        """The folder of photos by address that were looked at."""
        return _root() / self.token / "glanced"

    def remove(self) -> None:
        shutil.rmtree(_root() / self.token, ignore_errors=True)


def keep(catalogue: UploadedFile, photos: UploadedFile | None, *, choice: Choice) -> Upload:
    """Store an upload until it is imported or a day old. Raises `UploadError`."""
    token = uuid.uuid4().hex
    folder = _root() / token
    try:
        _remove_old()
        _fill(folder, catalogue, photos, choice)
    except ArchiveError as error:
        raise UploadError(str(error)) from error
    except OSError as error:
        raise UploadError(
            f"The upload cannot be kept ({error.strerror or error}); make room on the disk of "
            "IMPORT_DIR, or let clipmod write there, and upload it again.",
            status=507,
        ) from error
    kept = find(token)
    assert kept is not None
    return kept


def _fill(
    folder: Path, catalogue: UploadedFile, photos: UploadedFile | None, choice: Choice
) -> None:
    """All of it, or nothing where anything fails."""
    path = folder / "catalogue" / _file_name(catalogue.name or "")
    path.parent.mkdir(parents=True, mode=0o700)
    try:
        with path.open("wb") as file:
            for chunk in catalogue.chunks():
                file.write(chunk)
        if photos is not None:
            unpack(photos, folder / "photos", named=partial(_photos_named, path, choice))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _file_name(name: str) -> str:
    """The upload's own name, cut to what a disk takes: 255 bytes, which letters are more than."""
    path = Path(Path(name).name)
    return path.stem.encode()[:_STEM_BYTES].decode(errors="ignore") + path.suffix


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


def _photos_named(catalogue: Path, choice: Choice) -> set[str]:
    """By its rows; none where it cannot be read, which its import will say."""
    try:
        chunks = open_catalogue(catalogue, choice=choice).chunks(_ROWS)
        return {name for rows in chunks for row in rows for name in row.photos}
    except CatalogueFileError:
        return set()


def _root() -> Path:
    return Path(settings.IMPORT_DIR)


def _remove_old() -> None:
    root = _root()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in root.iterdir():
        if folder.stat().st_mtime < time.time() - KEPT_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)
