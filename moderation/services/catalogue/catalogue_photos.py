"""Find and read the photos that the rows of a catalogue file name."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from ..rules import photos
from . import intake
from .intake import IntakeError, Photo

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)


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
            raise _refused("image_path is empty; give the path of the photo.")
        intake.check_characters(image_path=name)
        if _URL.match(name):
            raise _refused("image_path is a URL; download the photo and give its path.")
        path = self.base / name
        if self.only_inside:
            if Path(name).is_absolute():
                raise _refused("image_path is absolute; give a path inside the image folder.")
            if not path.resolve().is_relative_to(self.base.resolve()):
                raise _refused("image_path leads out of the image folder; give a path inside it.")
        return path

    def take(self, image_path: str, *, known: Photo | None, keep: bool) -> Photo:
        """Check a photo and, with `keep`, store it; one that is `known` already is not decoded.

        Raises `IntakeError`. Touches no database, so that threads may run it.
        """
        data = _read(self.locate(image_path), name=image_path.strip())
        if known and known.sha256 == hashlib.sha256(data).hexdigest() and photos.exists(known.name):
            return known
        intake.check_image(data)
        return intake.store_photo(data) if keep else intake.photo_of(data)


def _read(path: Path, *, name: str) -> bytes:
    try:
        if not path.exists():
            raise _refused(f"The photo {name} does not exist; check image_path.")
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
