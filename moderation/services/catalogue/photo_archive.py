"""Unpack a ZIP of photos: what strangers packed, with whatever program."""

from __future__ import annotations

import errno
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO

from django.conf import settings

from . import archive_names

FILES_AT_MOST = 20_000
BYTES_AT_MOST = 2 * 2**30
_CHUNK = 1 << 20
_ENCRYPTED = 0x1
_BAD_NAMES = (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EINVAL)
# What a damaged ZIP makes zipfile and its decompressors raise.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    struct.error,
    RuntimeError,
    MemoryError,
)


class ArchiveError(Exception):
    """A ZIP that cannot be taken; `str(error)` names the file in it and says what to do."""


def unpack(
    archive: IO[bytes], folder: Path, *, named: Callable[[], Collection[str]] = tuple
) -> None:
    """Unpack plain files only; refuse what leads out of `folder` or is too much.

    A file larger than a photo may be becomes an empty one of its size, so that its rows are refused
    and no others. `named`: see `archive_names.files`. Raises `ArchiveError`, and `OSError` where
    `folder` cannot be written.
    """
    folder.mkdir(parents=True)
    with _opened(archive) as source:
        try:
            files = list(archive_names.files(source.infolist(), named=named))
        except archive_names.LeadsOut as error:
            raise ArchiveError(
                f"The ZIP holds the path {error}, which leads out of it; pack it again."
            ) from error
        if len(files) > FILES_AT_MOST:
            raise ArchiveError(
                f"The ZIP holds {len(files):,} files; at most {FILES_AT_MOST:,} are "
                "accepted. Import it in parts."
            )
        left = BYTES_AT_MOST
        for entry, path in files:
            left -= _unpack_file(source, entry, folder / path, name=str(path), left=left)


def _opened(archive: IO[bytes]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(archive)
    except UnicodeDecodeError as error:
        name = error.object.decode("utf-8", "replace")
        raise ArchiveError(
            f"The ZIP holds the name {name}, which is not the UTF-8 that it says it is; pack it "
            "again."
        ) from error
    except (*_DAMAGE, NotImplementedError) as error:
        raise ArchiveError(f"The ZIP cannot be read ({error}); pack it again.") from error


def _unpack_file(
    source: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, *, name: str, left: int
) -> int:
    """Write one file; returns its size. It is counted while writing, because a ZIP may lie."""
    size = 0
    with _new_file(target, name) as file:
        for chunk in _chunks(source, entry, name):
            size += len(chunk)
            if size > settings.MAX_UPLOAD_BYTES:
                file.truncate(0)
                file.truncate(min(max(size, entry.file_size), BYTES_AT_MOST))
                return size
            if size > left:
                raise ArchiveError(
                    f"The ZIP unpacks to more than {BYTES_AT_MOST / 2**30:g} GB; import it in "
                    "parts."
                )
            file.write(chunk)
    return size


def _new_file(target: Path, name: str) -> IO[bytes]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return target.open("wb")
    except OSError as error:
        if error.errno not in _BAD_NAMES:
            raise
        raise ArchiveError(
            f"{name} in the ZIP cannot be unpacked under this name ({error.strerror}); rename it "
            "and pack it again."
        ) from error


def _chunks(source: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> Iterator[bytes]:
    if entry.flag_bits & _ENCRYPTED:
        raise ArchiveError(f"{name} in the ZIP is encrypted; pack it without a password.")
    try:
        with source.open(entry) as packed:
            while chunk := packed.read(_CHUNK):
                yield chunk
    except NotImplementedError as error:
        raise ArchiveError(
            f"{name} in the ZIP is packed by a method that is not read here ({error}); pack it "
            "again by the usual one, Deflate."
        ) from error
    except _DAMAGE as error:
        raise ArchiveError(f"{name} in the ZIP is damaged ({error}); pack it again.") from error
