"""The formats of a catalogue file: each yields its rows with the line they start on.

Each module here puts its formats into `FORMATS`; nothing else names them. What the columns mean is
told by a profile, not by the format.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from moderation.clip.data.tables.delimited import Fits
from moderation.clip.plugins import import_all


class CatalogueFileError(Exception):
    """The file as a whole cannot be read; `str(error)` is a sentence for people."""


class BadCell(ValueError):
    """A row that cannot be read: the column at fault ("" for the whole row), and why.

    `cells` are those that could be told apart nevertheless; `raw` is the row as the file has it,
    where they are not the whole of it.
    """

    def __init__(
        self,
        reason: str,
        *,
        column: str = "",
        cells: Mapping[str, object] = MappingProxyType({}),
        raw: str = "",
    ) -> None:
        super().__init__(reason)
        self.column, self.cells, self.raw = column, cells, raw


class Repeated(tuple[object, ...]):
    """The values of a cell that stands there several times, as an element of XML may."""


# The line a row starts on, and its cells by column or what is wrong with the row.
Record = tuple[int, Mapping[str, object] | BadCell]


@dataclass(frozen=True)
class Wanted:
    """What a reader looks at: `used` columns, and those without which a row is bad."""

    used: Collection[str]
    needed: Sequence[str] = ()


@dataclass(frozen=True)
class Content:
    """A file as its format sees it: the names of its columns, and a way to walk its rows.

    Names are as `column_name` writes them, `titles` the same as the file does. `assumed` says in
    one line how the file was read, once its rows were walked; "" where nothing had to be assumed.
    `row_count` is known where finding the names has told it.
    """

    names: Sequence[str]
    titles: Sequence[str]
    records: Callable[[Wanted], Iterator[Record]]
    assumed: Callable[[], str] = lambda: ""
    hint: str = ""
    row_count: int | None = None

    def title_of(self, name: str) -> str:
        """A column as the file writes it."""
        return self.titles[list(self.names).index(name)] if name in self.names else name


@dataclass(frozen=True)
class Format:
    """A kind of file. `read`, and walking what it returns, raise `CatalogueFileError` or
    `UnreadableTable` for what is none of its kind. It is told which headers fit a profile."""

    title: str
    endings: tuple[str, ...]  # the usual one first; in small letters
    read: Callable[[Path, Fits], Content]


FORMATS: list[Format] = []
import_all(__name__)

ENDINGS = tuple(one.endings[0] for one in FORMATS)


def format_of(path: Path) -> Format | None:
    """By the ending of its name."""
    return next((one for one in FORMATS if path.suffix.lower() in one.endings), None)


def listed(words: Sequence[str], *, by: str) -> str:
    """As a sentence lists them: `CSV, TSV or Parquet`."""
    return f"{', '.join(words[:-1])} {by} {words[-1]}" if len(words) > 1 else "".join(words)
