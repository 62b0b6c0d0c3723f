"""The formats of a catalogue file: each yields its rows with the line they start on.

Each module here puts its formats into `FORMATS`; nothing else names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from moderation.clip.plugins import import_all

REQUIRED = ("product_id", "image_path", "text")
COLUMNS = (*REQUIRED, "category", "seller")


class CatalogueFileError(Exception):
    """The file as a whole cannot be read; `str(error)` is a sentence for people."""


class BadCell(ValueError):
    """A row that cannot be read: the column at fault ("" for the whole row), and why."""

    def __init__(self, reason: str, *, column: str = "") -> None:
        super().__init__(reason)
        self.column = column


# The line a row starts on, and its cells by column or what is wrong with the row.
Record = tuple[int, Mapping[str, object] | BadCell]


@dataclass(frozen=True)
class Content:
    """A file as its format sees it: the names of its columns, and a way to walk its rows."""

    names: Sequence[str]
    records: Callable[[], Iterator[Record]]
    hint: str = ""


@dataclass(frozen=True)
class Format:
    """A kind of file. `read` raises `CatalogueFileError` for what is none of its kind."""

    title: str
    endings: tuple[str, ...]  # the usual one first; in small letters
    read: Callable[[Path], Content]
    is_text: bool = True


FORMATS: list[Format] = []
import_all(__name__)

ENDINGS = tuple(one.endings[0] for one in FORMATS)


def format_of(path: Path) -> Format | None:
    """By the ending of its name."""
    return next((one for one in FORMATS if path.suffix.lower() in one.endings), None)


def listed(words: Sequence[str], *, by: str) -> str:
    """As a sentence lists them: `CSV, TSV or Parquet`."""
    return f"{', '.join(words[:-1])} {by} {words[-1]}"
