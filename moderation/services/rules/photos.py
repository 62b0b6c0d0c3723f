"""Where photos lie: no other service asks Django's storage, or knows that it is a folder.

A photo on this machine's disk is opened by its path; one that lies elsewhere is fetched by the
thread that decodes it, when it does.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from moderation.clip.errors import ImageError, Unread
from moderation.clip.pictures.sources import MAX_BYTES, name_of, opened, unread

from . import photo_files, unused

Source = Path | BinaryIO  # what decodes pictures takes it; both have a `name`, the last of the path


class NotStored(Exception):
    """A photo that could not be kept, as on a full disk; `str()` says why and what to do."""


class StoreAway(NotStored):
    """Not for want of room here: where photos lie elsewhere, that does not take it now."""


def url(name: str) -> str:
    """The address at which browsers find the photo."""
    return default_storage.url(name)


def source(name: str) -> Source:
    """The photo for whatever decodes it: nothing is read yet, and it need not exist."""
    return local(name) or cast(BinaryIO, Remote(name))


def read(name: str) -> bytes:
    """The photo's bytes. Raises `OSError`, as `FileNotFoundError`."""
    try:
        with default_storage.open(name) as file:
            return bytes(file.read())
    except OSError:
        raise
    except Exception as error:  # each kind of storage has errors of its own
        raise OSError(errno.EIO, f"{type(error).__name__}: {error}") from error


def is_stored(source: object) -> bool:
    """Whether this leads to where photos lie, and not to somebody's own file."""
    if isinstance(source, Path):
        place = local("")
        return place is not None and source.is_relative_to(place)
    return isinstance(source, Remote)


def trouble(source: Source) -> ImageError | None:
    """What keeps the bytes of this photo from us now; None where the storage gives them."""
    try:
        with opened(source, max_bytes=MAX_BYTES) as file:
            file.read(1)
    except ImageError as error:
        return error if error.code in ("missing", "unreadable") else None
    except OSError as error:
        return unread(name_of(source), error)
    return None


def exists(name: str) -> bool:
    """Whether there is a file of this name."""
    try:
        path = local(name)
        return bool(name) and (path.is_file() if path else default_storage.exists(name))
    except (SuspiciousFileOperation, OSError):  # it leads out of the storage, or that fails
        return False


def holds(name: str, data: bytes) -> bool:
    """Whether these bytes are stored under this name, whole, as far as that can be known now.

    A name without a hash in it is not doubted. Elsewhere than on this disk the size is asked, which
    fetches nothing: what is there came in one piece.
    """
    says_its_content = PurePosixPath(name).stem == hashlib.sha256(data).hexdigest()
    path = local(name)
    try:
        if path is None:
            return default_storage.size(name) == len(data) or not says_its_content
        if not (exists(name) and says_its_content):
            return exists(name)
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def renewed(name: str, data: bytes) -> bool:
    """Whether these bytes are stored under this name, whole; then they count as stored now.

    Elsewhere than on this disk nothing can be marked as new: there an old file is not enough.
    """
    path = local(name)
    if path is not None:
        return unused.touched(path) and holds(name, data)
    return holds(name, data) and not unused.is_old(modified(name))


def modified(name: str) -> datetime:
    """When the file of this name was stored, or last sent again. Raises `OSError`."""
    return default_storage.get_modified_time(name)


def store(name: str, data: bytes) -> None:
    """Keep these bytes under this name, once; a file that is not whole is replaced.

    One that is there is new again, so that it is not removed for being in no use: see `unused`.
    Raises `NotStored`, and leaves nothing then.
    """
    try:
        if renewed(name, data):
            return
        path = local(name)
        if path is not None:
            photo_files.write(path, data)
            return
        if default_storage.get_available_name(name) != name:  # it replaces nothing
            default_storage.delete(name)
        default_storage.save(name, ContentFile(data))
    except OSError as error:
        why = f"The photo cannot be stored ({error.strerror or error}); "
        if not local(""):
            raise StoreAway(
                f"{why}see that it answers and lets clipmod write, and send it again."
            ) from error
        raise NotStored(
            f"{why}make room on the disk of the media folder, or let clipmod write there, and "
            "send it again."
        ) from error


def names() -> Iterator[str]:
    """The names of all files beside and below the photos, one after the other, never all at once.

    Raises `OSError` where they lie elsewhere and that does not answer.
    """
    place = local("")
    return photo_files.names_below(place) if place else cast(Any, default_storage).names()


def remove(name: str) -> bool:
    """Delete the photo; False where there is none. Raises `OSError` where that is not known."""
    if not (exists(name) if local("") else default_storage.exists(name)):
        return False
    default_storage.delete(name)
    return True


def remove_untouched(name: str, *, since: datetime) -> bool:
    """Delete a photo that nobody uses, unless it was stored, or sent again, since then.

    True where it is gone now. Elsewhere than on this disk a file that is sent again at this very
    moment may be lost: no object store deletes on such a condition. Raises `OSError` where that
    does not answer.
    """
    path = local(name)
    if path is not None:
        return unused.removed(path, since=since)
    if not default_storage.exists(name) or modified(name) >= since:
        return False
    default_storage.delete(name)
    return True


def link(name: str, target: Path) -> bool:
    """Whether `target` is a hard link to the photo now: not across disks, or from elsewhere."""
    path = local(name)
    if path is None:
        return False
    try:
        target.hardlink_to(path.resolve())  # of a symbolic link the file
    except OSError:
        return False
    return True


def local(name: str) -> Path | None:
    """The photo's path on this machine's disk, or None where it lies elsewhere."""
    try:
        return Path(default_storage.path(name))
    except NotImplementedError:
        return None


@dataclass(frozen=True)
class Remote:
    """A stream, as decoding a picture takes one; it keeps nothing, so thousands may wait."""

    stored: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.stored).name

    def read(self, size: int = -1) -> bytes:
        """The first bytes, fetched again. Raises `ImageError`."""
        try:
            with default_storage.open(self.stored) as file:
                return bytes(file.read(size))
        except (FileNotFoundError, SuspiciousFileOperation) as error:
            raise ImageError(
                f"The image {self.name} does not exist; check its path.", code="missing"
            ) from error
        except Exception as error:  # each kind of storage has errors of its own
            why = getattr(error, "strerror", None) or type(error).__name__
            raise Unread(
                f"The image {self.name} cannot be fetched ({why}); the storage has a fault, or "
                "cannot be reached."
            ) from error
