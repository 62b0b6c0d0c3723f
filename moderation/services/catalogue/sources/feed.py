"""A feed is fetched into a file, in bounded memory, where it is not the one of before."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from django.conf import settings

from ...integration.guarded_http import Answer, FetchError, GuardedClient
from ..catalogue_formats import format_of
from .places import PACKED, check_feed
from .problems import SourceError

SECONDS = 3600.0  # of a whole feed
READ_SECONDS = 120.0  # some shops make the feed while they are asked for it
_PIECE = 1 << 16
_GZIP = b"\x1f\x8b"
_BEGINNINGS = {b"PK\x03\x04": ".xlsx", b"PAR1": ".parquet", b"<": ".xml", b"{": ".jsonl"}
_BY_TYPE = {
    "text/tab-separated-values": ".tsv",
    "text/csv": ".csv",
    "application/x-ndjson": ".jsonl",
}


@dataclass(frozen=True)
class Feed:
    """What came, and what is asked with the next time.

    `tells_its_end`: whether it would have been noticed if its end had not come.
    """

    path: Path
    etag: str
    last_modified: str
    tells_its_end: bool


def fetch(
    address: str,
    folder: Path,
    *,
    etag: str = "",
    last_modified: str = "",
    check: Callable[[], None] = lambda: None,
) -> Feed | None:
    """Fetch a feed into the folder; None where the host says that it is the one of before.

    `check` is called on the way and may raise. Raises `SourceError`.
    """
    check_feed(address)  # once more: the settings may be others than when it was named
    raw = folder / "feed"
    try:
        with (
            GuardedClient(connections=1, read_seconds=READ_SECONDS) as client,
            client.get(
                address,
                limit=settings.SOURCE_MAX_BYTES,
                seconds=SECONDS,
                etag=etag,
                last_modified=last_modified,
            ) as answer,
        ):
            if answer.is_unchanged:
                return None
            _write(answer, raw, check)
    except FetchError as error:
        wait = error.retry_after or 0.0
        raise SourceError(
            f"The feed was not fetched: {error}",
            wait=wait if error.problem.is_temporary else None,
        ) from error
    is_packed = _begins(raw, _GZIP)
    path = unpacked(raw, folder, check) if is_packed else raw
    path = path.rename(folder / f"feed{_ending(path, answer, address)}")
    return Feed(
        path,
        # A part of one would never match again.
        etag=answer.etag if len(answer.etag) <= 200 else "",
        last_modified=answer.last_modified if len(answer.last_modified) <= 100 else "",
        tells_its_end=answer.tells_its_end or is_packed,
    )


def unpacked(packed: Path, folder: Path, check: Callable[[], None]) -> Path:
    """A gzip file unpacked into the folder, SOURCE_MAX_MB at most. Raises `SourceError`."""
    target = folder / "unpacked"
    size = 0
    try:
        with gzip.open(packed) as source, target.open("wb") as file:
            while piece := source.read(_PIECE):
                check()
                size += len(piece)
                if size > settings.SOURCE_MAX_BYTES:
                    raise SourceError(
                        f"{packed.name} unpacks to more than {settings.SOURCE_MAX_MB:g} MB "
                        "(SOURCE_MAX_MB)."
                    )
                file.write(piece)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SourceError(f"{packed.name} is not a whole gzip file ({error}).") from error
    return target


def _write(answer: Answer, path: Path, check: Callable[[], None]) -> None:
    with path.open("wb") as file:
        for piece in answer.pieces():
            check()
            file.write(piece)


def _begins(path: Path, sign: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(sign)) == sign


def _ending(path: Path, answer: Answer, address: str) -> str:
    """By what it holds, else by its name, else by what the host calls it."""
    with path.open("rb") as file:
        head = file.read(_PIECE).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head[:100].lower().startswith((b"<!doctype html", b"<html")):
        raise SourceError("The host answered with a page for people instead of a feed.")
    for sign, ending in _BEGINNINGS.items():
        if head.startswith(sign):
            return ending
    for url in (answer.url, address):
        name = PurePosixPath(unquote(urlsplit(url).path).removesuffix(PACKED))
        if format_of(Path(name.name)):
            return name.suffix.lower()
    kind = answer.content_type.partition(";")[0].strip().lower()
    first_line = head.partition(b"\n")[0]
    return _BY_TYPE.get(kind) or (".tsv" if first_line.count(b"\t") else ".csv")
