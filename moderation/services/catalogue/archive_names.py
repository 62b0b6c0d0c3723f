"""The names of files in a ZIP, as macOS, Windows and others write them."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import PurePosixPath
from zipfile import ZipInfo

from .photo_names import folded, slashed

_IS_UTF8 = 0x800
_UNICODE_PATH = 0x7075
# What Windows wrote before UTF-8, by country, and what programs there take instead. Where no name
# is found, it is the first, as the standard says (or UTF-8, where that can be read).
_CODE_PAGES = (
    *("cp437", "cp850", "cp852", "cp866", "cp857", "cp737", "cp862", "cp864"),
    *("cp932", "cp936", "cp949", "cp950"),
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256"),
)
_LITTER = {".ds_store", "thumbs.db", "desktop.ini"}
_DRIVE = re.compile(r"[A-Za-z]:/")


class LeadsOut(Exception):
    """A path that leads out of the ZIP; `str()` is the path."""


def files(
    entries: Sequence[ZipInfo], *, named: Callable[[], Collection[str]]
) -> Iterator[tuple[ZipInfo, PurePosixPath]]:
    """The files in a ZIP with their paths, without what operating systems add of their own.

    `named` gives the names that are looked for: where a ZIP does not say how its names are encoded,
    the encoding is taken in which most of those are found. Raises `LeadsOut`.
    """
    unsaid = [_bytes(entry) for entry in entries if not _said(entry)]
    encoding = _encoding(unsaid, named)
    for entry in entries:
        name = slashed(_said(entry) or _bytes(entry).decode(encoding, "replace"))
        path = PurePosixPath(name)
        if name.endswith("/") or _is_litter(path):
            continue
        if path.is_absolute() or ".." in path.parts or _DRIVE.match(name):
            raise LeadsOut(name)
        yield entry, path


def _is_litter(path: PurePosixPath) -> bool:
    name = path.name
    return "__MACOSX" in path.parts or name.startswith("._") or name.lower() in _LITTER


def _said(entry: ZipInfo) -> str:
    """The name, where the ZIP says that it is UTF-8 or ASCII will do; else ""."""
    if entry.flag_bits & _IS_UTF8 or entry.filename.isascii():
        return entry.filename
    return _unicode_path(entry)


def _unicode_path(entry: ZipInfo) -> str:
    """The name that Info-ZIP and others write beside one of an older encoding, or ""."""
    extra = entry.extra
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        body, extra = extra[4 : 4 + length], extra[4 + length :]
        if kind == _UNICODE_PATH and body[1:5] == zlib.crc32(_bytes(entry)).to_bytes(4, "little"):
            return body[5:].decode("utf-8", "ignore")
    return ""


def _bytes(entry: ZipInfo) -> bytes:
    """The name as it is written: Python has read it as cp437, in which every byte is a sign."""
    return entry.filename.encode("cp437")


def _encoding(names: Sequence[bytes], named: Callable[[], Collection[str]]) -> str:
    if not names:
        return "utf-8"
    wanted = {_key(name) for name in named()}
    may_be_utf8 = all(_decoded(name, "utf-8") for name in names)

    def found(encoding: str) -> int:
        return sum(_key(_decoded(name, encoding)) in wanted for name in names)

    return max(("utf-8", *_CODE_PAGES) if may_be_utf8 else _CODE_PAGES, key=found)


def _decoded(name: bytes, encoding: str) -> str:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return ""


def _key(name: str) -> str:
    return folded(PurePosixPath(slashed(name)).name)
