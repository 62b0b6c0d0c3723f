"""Photos as files of this machine's disk."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def write(path: Path, data: bytes) -> None:
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


def names_below(place: Path) -> Iterator[str]:
    """All files in a folder and its folders."""
    for folder, _, files in os.walk(place, followlinks=True):
        for file in files:
            yield Path(folder, file).relative_to(place).as_posix()
