"""Files of photos that nobody uses any longer go, though the same photo may come again any moment.

A name says its content, so who stores a photo that is there already writes nothing, and names it
in a row some time later: until then no row tells that it is needed. So who finds it there marks it
as new (`touched`), and only what is old goes (`removed`). Both hold the file's lock while they look
and act, each in one step for the other; the lock goes with the process that dies.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.utils import timezone

# Between storing a photo and the row that names it: an import's whole chunk, and much more.
ON_ITS_WAY = timedelta(days=1)


def is_old(modified: datetime) -> bool:
    """Whether a file may soon go, so that it is stored anew rather than taken as it is."""
    return modified < timezone.now() - ON_ITS_WAY / 2


def touched(path: Path) -> bool:
    """Mark a file as new; False where there is none, or it cannot be marked."""
    try:
        with _held(path, fcntl.LOCK_SH) as handle:
            if handle is None:
                return False
            os.utime(handle)
            return True
    except OSError:
        return False


def removed(path: Path, *, since: datetime) -> bool:
    """Delete a file, unless it is as new as that. Raises `OSError` where it cannot be deleted."""
    try:
        with _held(path, fcntl.LOCK_EX) as handle:
            if handle is None:
                return False
            if datetime.fromtimestamp(os.fstat(handle).st_mtime, UTC) >= since:
                return False
            path.unlink()
            return True
    except FileNotFoundError:
        return False


@contextmanager
def _held(path: Path, lock: int) -> Iterator[int | None]:
    """The file, open and locked; None where it has gone, or was replaced, before it was locked."""
    handle = _opened(path)
    try:
        fcntl.flock(handle, lock)
        yield handle if _is_there(path, handle) else None
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR)  # over NFS, only such a one can be locked against others
    except PermissionError:
        return os.open(path, os.O_RDONLY)


def _is_there(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
