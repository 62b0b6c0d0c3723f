"""Write a folder whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moderation.clip.errors import ModelError


@contextmanager
def whole_folder(folder: Path, *, what: str = "model") -> Iterator[Path]:
    """`filled` with sentences for people.

    Raises `ModelError` if `folder` exists: a model that may be in use is never overwritten.
    `what` it is, for that sentence.
    """
    if folder.exists():
        raise ModelError(f"{folder} exists already; choose another folder for the {what}.")
    try:
        with filled(folder) as unfinished:
            yield unfinished
    except OSError as error:
        why = error.strerror or error
        raise ModelError(f"The {what} cannot be written to {folder}: {why}.") from error


@contextmanager
def filled(folder: Path, *, mode: int = 0o755) -> Iterator[Path]:
    """Yield a temporary sibling to fill; it becomes `folder` at the end, or is removed on errors.

    An empty `folder` may be there; `mode` is the rights on the new one. Raises `OSError`.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield unfinished
        unfinished.chmod(mode)  # mkdtemp makes it private
        for path in unfinished.rglob("*"):
            _flush(path)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _flush(path: Path) -> None:
    """Make sure that the bytes are on the disk before the rename says so."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())
