"""What strangers send as a picture: a path, the bytes of a file, an open file. Bounded in size."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from moderation.clip.errors import ImageError, Unread

Source = str | Path | bytes | BinaryIO

MAX_BYTES = 256 * 2**20
# What a disk or a network drive says of itself, and never of one file's content.
_OF_THE_STORAGE = frozenset(
    getattr(errno, name)
    for name in (
        *("EIO", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN"),
        *("ENETUNREACH", "ECONNREFUSED", "ECONNRESET", "ENXIO", "ENODEV", "EREMOTEIO"),
    )
    if hasattr(errno, name)
)


def name_of(source: Source) -> str:
    """How a sentence about it begins."""
    if isinstance(source, str | Path):
        return f"The image {Path(source).name or source}"
    return "The image"


def fault_of(error: BaseException) -> OSError | None:
    """The fault of a disk or network that is behind this error; what a decoder says is none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _OF_THE_STORAGE:
            return cause
        cause = cause.__cause__
    return None


def unread(name: str, fault: OSError) -> Unread:
    """What is said of an image whose bytes cannot be had; `name` begins the sentence."""
    return Unread(f"{name} cannot be read ({fault.strerror}); its disk or network has a fault.")


@contextmanager
def opened(source: Source, *, max_bytes: int) -> Iterator[BinaryIO]:
    """Yield a seekable file at its start, and close it if we opened it. Raises `ImageError`."""
    name = name_of(source)
    if isinstance(source, str | Path):
        with _open(source, name) as file:
            yield _seekable(file, name, max_bytes)
    else:
        file = BytesIO(source) if isinstance(source, bytes) else source
        yield _seekable(file, name, max_bytes)


def _open(path: str | Path, name: str) -> BinaryIO:
    try:
        path = Path(path)
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            # A pipe would block for ever; a folder has no bytes.
            kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
            raise ImageError(
                f"{name} is {kind}; give the path of an image file.", code="not_an_image"
            )
        return path.open("rb")
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise ImageError(f"{name} does not exist; check its path.", code="missing") from error
    except OSError as error:
        if fault_of(error):
            raise unread(name, error) from error
        raise ImageError(
            f"{name} cannot be read ({error.strerror}); check its path and rights.", code="missing"
        ) from error


def _seekable(file: BinaryIO, name: str, max_bytes: int) -> BinaryIO:
    try:
        size = file.seek(0, 2)
        file.seek(0)
    except (OSError, AttributeError, ValueError):
        data = file.read(max_bytes + 1)
        _check_size(len(data), name, max_bytes)
        return BytesIO(data)
    _check_size(size, name, max_bytes)
    return file


def _check_size(size: int, name: str, max_bytes: int) -> None:
    if size == 0:
        raise ImageError(f"{name} is empty (0 bytes); send the picture again.", code="empty")
    if size > max_bytes:
        raise ImageError(
            f"{name} has {size:,} bytes; at most {max_bytes:,} are accepted, send a smaller file.",
            code="too_large",
        )
