"""A source's file, ready to be imported: fetched, unpacked, and no longer written to."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from moderation.models import CatalogueSource

from . import feed, places
from .problems import SourceError

_LINES = {".csv", ".tsv", ".txt", ".jsonl", ".ndjson"}


@dataclass(frozen=True)
class Reading:
    """The file, and how to know it again.

    `photos` is where relative paths of photos start. `is_still` says whether the file is the one
    that was opened; `tells_its_end` whether a missing end would have been noticed on its way.
    """

    path: Path
    name: str
    photos: Path
    etag: str = ""
    last_modified: str = ""
    tells_its_end: bool = True
    is_still: Callable[[], bool] = lambda: True

    @property
    def is_of_lines(self) -> bool:
        """Whether a part of it looks like the whole: other formats say where they end."""
        return self.path.suffix.lower() in _LINES

    @property
    def ends_in_line_break(self) -> bool:
        with self.path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - 4, 0))
            return not {*b"\r\n"}.isdisjoint(file.read())


@contextmanager
def opened(
    source: CatalogueSource, *, file: Path | None, check: Callable[[], None]
) -> Iterator[Reading | None]:
    """What the source holds now, or the `file` given by hand; None where it is as it was.

    Raises `SourceError`.
    """
    with _folder_for(source) as folder:
        try:
            reading = _read(source, file, folder, check)
        except OSError as error:
            where = error.filename if error.filename else settings.IMPORT_DIR
            raise SourceError(f"{where}: {error.strerror or error}.", wait=0.0) from error
        yield reading


def _read(
    source: CatalogueSource, file: Path | None, folder: Path, check: Callable[[], None]
) -> Reading | None:
    if file is not None:
        return _file(source, file.resolve(), folder, check)
    if not source.address:
        raise SourceError("The source has no address; give its file by hand (--file).")
    if places.is_feed(source.address):
        return _feed(source, folder, check)
    return _file(source, places.file_of(source), folder, check)


def _feed(source: CatalogueSource, folder: Path, check: Callable[[], None]) -> Reading | None:
    found = feed.fetch(
        source.address,
        folder,
        etag=source.etag,
        last_modified=source.last_modified,
        check=check,
    )
    if found is None:
        return None
    return Reading(
        found.path,
        name=found.path.name,
        photos=Path(settings.CLIP_IMAGE_ROOT),
        etag=found.etag,
        last_modified=found.last_modified,
        tells_its_end=found.tells_its_end,
    )


def _file(
    source: CatalogueSource, path: Path, folder: Path, check: Callable[[], None]
) -> Reading | None:
    places.wait_until_written(path, check)
    stamp = places.stamp(path)
    if stamp == source.etag:
        return None
    readable, name = path, path.name
    if path.suffix.lower() == places.PACKED:
        readable = feed.unpacked(path, folder, check).rename(folder / path.stem)
        name = path.stem
    return Reading(
        readable,
        name=name,
        photos=path.parent,
        etag=stamp,
        is_still=lambda: path.exists() and places.stamp(path) == stamp,
    )


@contextmanager
def _folder_for(source: CatalogueSource) -> Iterator[Path]:
    """A folder of its own in IMPORT_DIR; one that a killed process left is removed."""
    root, beginning = Path(settings.IMPORT_DIR), f"source-{source.pk}-"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in root.glob(f"{beginning}*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=beginning, dir=root))
    except OSError as error:
        raise SourceError(
            f"IMPORT_DIR ({root}) cannot be written: {error.strerror}.", wait=0.0
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
