"""The rows of CSV, TSV and their like, with the lines they start on.

Cells are split by the standard library's reader, because pandas counts records: a quoted cell that
runs over several lines would shift the line number of every row after it, and one row with a comma
too many would refuse the whole file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .encodings import Encoding

# A cell may hold a photo as text; a quote that is never closed would swallow the file.
CELL_AT_MOST = 1 << 24


@dataclass(frozen=True)
class Row:
    """A row, the line it starts on, and what stands there in the file.

    `problem` says why it could not be divided safely; `cells` is then a lenient reader's guess.
    """

    line: int
    cells: list[str]
    raw: str
    problem: str = ""


@dataclass(frozen=True)
class Dialect:
    """How a file is written. `usual` is the sign that its ending promises."""

    encoding: Encoding
    sign: str
    usual: str
    skipped: int = 0  # a `sep=` line
    bare_quotes: bool = False  # quotes are signs like others and hold no cell together


def allow_large_cells() -> None:
    """Let the library read cells of more than its 131,072 characters, as HTML and photos have."""
    csv.field_size_limit(CELL_AT_MOST)


def rows_of(path: Path, dialect: Dialect) -> Iterator[Row]:
    """Every row but the blank ones, the header first."""
    allow_large_cells()
    with path.open(encoding=dialect.encoding.codec, newline="") as file:
        lines = _Lines(file)
        for _ in range(dialect.skipped):
            next(lines)
        reader = csv.reader(
            lines,
            delimiter=dialect.sign,
            quoting=csv.QUOTE_NONE if dialect.bare_quotes else csv.QUOTE_MINIMAL,
            strict=True,
        )
        while True:
            line = lines.begin_row()
            try:
                row = Row(line, next(reader), lines.row())
            except StopIteration:
                return
            except csv.Error as error:
                row = _unsafe_row(line, lines, error, dialect.sign)
            if any(cell.strip() for cell in row.cells) or row.problem:
                yield row


class _Lines(Iterator[str]):
    """The lines of a file; those of the present row are kept."""

    def __init__(self, file: Iterator[str]) -> None:
        self._file = file
        self._row: list[str] = []
        self.number = 0  # of the last line that was read

    def __next__(self) -> str:
        line = next(self._file)
        self.number += 1
        self._row.append(line)
        return line

    def begin_row(self) -> int:
        """The line that the next row starts on."""
        self._row.clear()
        return self.number + 1

    def row(self) -> str:
        return "".join(self._row)


def _unsafe_row(line: int, lines: _Lines, error: csv.Error, sign: str) -> Row:
    raw = lines.row()
    try:
        cells = next(csv.reader(io.StringIO(raw, newline=""), delimiter=sign), [])
    except csv.Error:
        cells = []
    return Row(line, cells, raw, _problem(line, lines.number, error))


def _problem(first: int, last: int, error: csv.Error) -> str:
    if "field limit" in str(error):
        return (
            f"A cell that begins here has more than {CELL_AT_MOST:,} characters by line {last}; "
            "shorten it, or close its quote."
        )
    if first == last:
        return (
            f"The quotes of this row are not right ({error}); put quotes around the whole cell "
            'and write each quote inside it twice ("").'
        )
    return (
        f"A quoted cell opens here and is not closed rightly by line {last}, so that no row in "
        f"between could be read ({error}); close the quote."
    )
