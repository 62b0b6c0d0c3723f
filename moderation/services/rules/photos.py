"""Where photos lie: no other service asks Django's storage, or knows that it is a folder.

A photo on this machine's disk is opened by its path; one that lies elsewhere is fetched by the
thread that decodes it, when it does.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from moderation.clip.errors import ImageError, Unread
from moderation.clip.pictures.sources import MAX_BYTES, name_of, opened, unread

from . import unused

Source = Path | BinaryIO  # what decodes pictures takes it; both have a `name`, the last of the path


class NotStored(Exception):
    """A photo that could not be kept, as on a full disk; `str()` says why and what to do."""


def url(name: str) -> str:
    """The address at which browsers find the photo."""
    return default_storage.url(name)


def source(name: str) -> Source:
    """The photo for whatever decodes it: nothing is read yet, and it need not exist."""
    return local(name) or cast(BinaryIO, _Remote(name))


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
    return isinstance(source, _Remote)


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
    """Whether these bytes are stored under this name, whole.

    A name without a hash in it is not doubted. Elsewhere than on this disk the size is asked, which
    fetches nothing: what is there came in one piece.
    """
    if not exists(name):
        return False
    if PurePosixPath(name).stem != hashlib.sha256(data).hexdigest():
        return True
    path = local(name)
    if path is None:
        return default_storage.size(name) == len(data)
    return path.stat().st_size == len(data) and path.read_bytes() == data


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
            _write(path, data)
            return
        if exists(name) and default_storage.get_available_name(name) != name:
            default_storage.delete(name)  # else the new one would get another name
        default_storage.save(name, ContentFile(data))
    except OSError as error:
        raise NotStored(
            f"The photo cannot be stored ({error.strerror or error}); make room on the disk of "
            "the media folder, or let clipmod write there, and send it again."
        ) from error


def _write(path: Path, data: bytes) -> None:
    """Written to the disk aside and renamed: nothing that dies here leaves a half photo of a name.

    Not the process, and not the machine: the bytes are on the disk before the name is.
    """
    made = next((above for above in path.parents if above.exists()), path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    aside = Path(name)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - it is a number, no path
            file.write(data)
            file.flush()
            os.fsync(handle)
        aside.chmod(0o644)
        aside.replace(path)
        for folder in (path.parent, *path.parent.parents):  # up to the one that was there
            _sync(folder)
            if folder == made:
                break
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def names() -> Iterator[str] | None:
    """The names of all files beside and below the photos; None where they lie elsewhere."""
    place = local("")
    return None if place is None else _names_below(place)


def _names_below(place: Path) -> Iterator[str]:
    for folder, _, files in os.walk(place, followlinks=True):
        for file in files:
            yield Path(folder, file).relative_to(place).as_posix()


def remove(name: str) -> bool:
    """Delete the photo; False where there is none."""
    if not exists(name):
        return False
    default_storage.delete(name)
    return True


def remove_untouched(name: str, *, since: datetime) -> bool:
    """Delete a photo that nobody uses, unless it was stored, or sent again, since then.

    True where it is gone now. Elsewhere than on this disk a file that is sent again at this very
    moment may be lost: no object store deletes on such a condition.
    """
    path = local(name)
    if path is not None:
        return unused.removed(path, since=since)
    if not exists(name) or modified(name) >= since:
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
class _Remote:
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
            raise Unread(
                f"The image {self.name} cannot be fetched ({type(error).__name__}); the storage "
                "has a fault, or cannot be reached."
            ) from error
