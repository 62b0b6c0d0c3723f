"""A disk with no room: a limit on the size of files, or of SQLite's database, stands in for it."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import pytest
from django.db import connection

from moderation.services.rules import photo_files


@contextmanager
def limited(room: int) -> Iterator[None]:
    """No file grows beyond `room` bytes."""
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def fill(monkeypatch: pytest.MonkeyPatch, *, room: int = 100, after: int = 0) -> None:
    """From now on no photo of more than `room` bytes is written, but for the first `after`."""
    written = []
    write = photo_files.write
    # The limit is the process's, and photos are written by several threads: of two at once the
    # later one would put back what the other had set.
    one_at_a_time = Lock()

    def write_or_fail(path: Path, data: bytes) -> None:
        with one_at_a_time:
            written.append(path)
            if len(written) <= after:
                write(path, data)
                return
            with limited(room):
                write(path, data)

    monkeypatch.setattr(photo_files, "write", write_or_fail)


@contextmanager
def database(*, pages: int) -> Iterator[None]:
    """SQLite's file takes so many more pages.

    For tests with `transaction=True`: a full SQLite may undo what is around a savepoint as well.
    """
    with connection.cursor() as cursor:

        def pragma(name: str) -> int:
            return int(cursor.execute(f"PRAGMA {name}").fetchone()[0])

        cursor.execute("VACUUM")  # what earlier tests left free within the file is room too
        most = pragma("max_page_count")
        pragma(f"max_page_count = {pragma('page_count') + pages}")
        try:
            yield
        finally:
            pragma(f"max_page_count = {most}")
