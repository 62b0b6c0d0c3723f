"""The formats of label files. Each module here is one: it puts itself into `FORMATS`.

A format opens a new file with the given columns (name -> its type in Parquet) and yields a callable
that writes a row. The same rows give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from moderation.clip.plugins import import_all

Row = Mapping[str, str | int | float | None]
Write = Callable[[Row], None]
OpenFile = Callable[[Path, Mapping[str, str]], AbstractContextManager[Write]]

# Name -> how it is opened.
FORMATS: dict[str, OpenFile] = {}
# Name -> the file's, where the program that reads it looks for that one.
FILES: dict[str, str] = {}
DEFAULT = "csv"


def file_name(format: str) -> str:
    return FILES.get(format, f"labels.{format}")


import_all(__name__)
