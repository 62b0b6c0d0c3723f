"""Find and read the photos that the rows of a catalogue file name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from django.conf import settings

from ..rules import photos
from . import intake
from .intake import IntakeError, Photo
from .photo_names import PhotoNames, spellings

_PATH_AT_MOST = 1000


class PhotoMissing(IntakeError):
    """There is no such photo."""


@dataclass(frozen=True)
class PhotoFolder:
    """Where the paths of a file start. With `only_inside`, no path or link leads out of it.

    What is refused is named as the row names it: uploaders learn no folder of the server.
    """

    base: Path
    only_inside: bool

    def locate(self, image_path: str) -> Path:
        """The file that a cell names. Raises `IntakeError`."""
        name = image_path.strip()
        if not name:
            raise _refused("image_path is empty; give the path or address of the photo.")
        if len(name) > _PATH_AT_MOST:
            raise _refused(f"image_path has {len(name):,} characters; give the path of a photo.")
        intake.check_characters(image_path=name)
        written = spellings(name)
        if self.only_inside and any(Path(one).is_absolute() for one in written):
            raise _refused("image_path is absolute; give a path inside the image folder.")
        self._check_inside(*(self.base / one for one in written))
        found = self._names.find(name)
        if len(found) > 1:
            raise _refused(
                f"{name} fits {len(found)} photos whose names differ in capitals or the form of "
                "accents alone; write the very name of one."
            )
        self._check_inside(*found)
        return found[0] if found else self.base / name

    @cached_property
    def _names(self) -> PhotoNames:
        return PhotoNames(self.base)

    def _check_inside(self, *paths: Path) -> None:
        if self.only_inside and not all(self._is_inside(path) for path in paths):
            raise _refused("image_path leads out of the image folder; give a path inside it.")

    def _is_inside(self, path: Path) -> bool:
        try:
            return path.resolve().is_relative_to(self.base.resolve())
        except (OSError, RuntimeError):  # RuntimeError: links in a circle
            return False

    def take(self, image_path: str, *, known: Photo | None, keep: bool) -> Photo:
        """Check a photo and, with `keep`, store it; one that is `known` already is not decoded.

        Raises `IntakeError`. Touches no database, so that threads may run it.
        """
        data = _read(self.locate(image_path), name=image_path.strip())
        is_same = known and known.sha256 == hashlib.sha256(data).hexdigest()
        if known and is_same and photos.renewed(known.name, data):
            return known
        intake.check_image(data)
        return intake.store_photo(data) if keep else intake.photo_of(data)


def _read(path: Path, *, name: str) -> bytes:
    try:
        if not path.exists():
            raise PhotoMissing(
                f"The photo {name} does not exist; check image_path.", field="image_path"
            )
        if not path.is_file():
            raise _refused(f"{name} is not a file; give the path of a photo.")
        size = path.stat().st_size
        if size > settings.MAX_UPLOAD_BYTES:  # not read at all: it may not fit into memory
            raise _refused(
                f"The image has {size / 2**20:.1f} MB; at most {settings.MAX_UPLOAD_MB:g} MB "
                "are accepted."
            )
        return path.read_bytes()
    except OSError as error:
        raise _refused(f"The photo {name} cannot be read ({error.strerror}).") from error


def _refused(reason: str) -> IntakeError:
    return IntakeError(reason, field="image_path")
