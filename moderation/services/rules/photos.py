"""Where photos lie: no other service asks Django's storage, or knows that it is a folder.

A photo on this machine's disk is opened by its path; one that lies elsewhere is fetched by the
thread that decodes it, when it does.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from moderation.clip.errors import ImageError

Source = Path | BinaryIO  # what decodes pictures takes it; both have a `name`, the last of the path


def url(name: str) -> str:
    """The address at which browsers find the photo."""
    return default_storage.url(name)


def source(name: str) -> Source:
    """The photo for whatever decodes it: nothing is read yet, and it need not exist."""
    return local(name) or cast(BinaryIO, _Remote(name))


def read(name: str) -> bytes:
    """The photo's bytes. Raises `OSError`, as `FileNotFoundError`."""
    with default_storage.open(name) as file:
        return bytes(file.read())


def exists(name: str) -> bool:
    """Whether there is a file of this name."""
    try:
        path = local(name)
        return bool(name) and (path.is_file() if path else default_storage.exists(name))
    except SuspiciousFileOperation:  # it leads out of the storage
        return False


def store(name: str, data: bytes) -> None:
    """Keep these bytes under this name, once."""
    if exists(name):
        return
    path = local(name)
    if path is None:
        default_storage.save(name, ContentFile(data))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Written aside and renamed: a process that dies here leaves no half photo of that name.
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
    Path(file.name).chmod(0o644)
    Path(file.name).replace(path)


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
        except OSError as error:
            raise ImageError(
                f"The image {self.name} does not exist; check its path.", code="missing"
            ) from error
