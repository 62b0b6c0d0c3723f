"""Open CSV, TSV and their like: which sign divides the columns, and how quotes are meant.

The sign is chosen by the header alone: the usual one of the format wherever the header then has
what is asked for, another only where it has not. `csv.Sniffer` is no help here: it
guesses from letter counts, so that a `sep=` line, a quoted semicolon or a short file misleads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from unicodedata import category

from .encodings import Encoding, UnreadableTable, encoding_of
from .rows import Dialect, Row, rows_of

SIGNS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "pipes"}
_SEP_LINE = re.compile(r'"?sep=([^"\r\n])"?[,;|\s]*', re.IGNORECASE)
_LINE_BREAK = re.compile(r"[\r\n]")
_HEADER_WITHIN = 5  # rows: some programs write a title or labels above it

# How much of what is asked for the names of a header have: 1 is all of it.
Fits = Callable[[Collection[str]], float]


@dataclass(frozen=True)
class Delimited:
    """A file of rows: the columns of its header, by their names in small letters.

    `titles` are the names as the file writes them.
    """

    path: Path
    dialect: Dialect
    names: list[str]
    titles: list[str]

    def assumed(self, *more: str) -> str:
        """In one line how the file was read; "" where it is as its ending promises."""
        dialect = self.dialect
        quotes = ["quotes as they stand"] if dialect.bare_quotes else []
        if dialect.sign == dialect.usual and dialect.encoding.is_usual and not (quotes or more):
            return ""
        return dialect.encoding.told(f"columns divided by {named(dialect.sign)}", *quotes, *more)

    def rows(self) -> Iterator[Row]:
        """Every row after the header but the blank ones."""
        rows = rows_of(self.path, self.dialect)
        next(rows, None)
        yield from rows


def open_delimited(path: Path, *, usual: str, fits: Fits) -> Delimited:
    """Find out how the file is written. Raises `UnreadableTable` where that is not certain."""
    encoding = encoding_of(path)
    declared = _declared(path, encoding)
    signs = [declared, *SIGNS] if declared else [usual, *SIGNS]
    dialects = [
        Dialect(encoding, sign, usual, skipped=1 if declared else 0)
        for sign in dict.fromkeys(signs)
    ]
    headers = {dialect: _header(path, dialect, fits) for dialect in dialects}
    dialect = _chosen(path, headers, fits)
    header = headers[dialect]
    if header.problem:
        raise UnreadableTable(f"The header of {path.name} cannot be read: {header.problem}")
    dialect = replace(dialect, skipped=header.line - 1)
    if dialect.sign in "\t|" and _has_bare_quotes(path, dialect, len(header.cells)):
        dialect = replace(dialect, bare_quotes=True)
    titles = [column_title(cell) for cell in header.cells]
    return Delimited(path, dialect, [title.lower() for title in titles], titles)


def share_of(columns: Collection[str]) -> Fits:
    """Fits a header that has all these columns."""
    return lambda names: len(set(columns).intersection(names)) / len(columns)


def column_title(name: str) -> str:
    """As people are shown it: in one line, without signs that nobody sees."""
    seen = name if name.isascii() else "".join(sign for sign in name if category(sign) != "Cf")
    return " ".join(seen.split())


def column_name(name: str) -> str:
    """As columns are compared: in small letters."""
    return column_title(name).lower()


def named(sign: str) -> str:
    return SIGNS.get(sign, f"“{sign}”")


def _declared(path: Path, encoding: Encoding) -> str:
    """The sign that a first line such as `sep=;` names, as Excel writes it."""
    with path.open(encoding=encoding.codec) as file:
        found = _SEP_LINE.fullmatch(file.readline(100))
    return found[1] if found else ""


def _header(path: Path, dialect: Dialect, fits: Fits) -> Row:
    """The first of the topmost rows that is what is asked for, else the very first."""
    rows = list(islice(rows_of(path, dialect), _HEADER_WITHIN))
    fitting = (row for row in rows if _fit(row, fits) == 1)
    return next(fitting, rows[0] if rows else Row(dialect.skipped + 1, [], ""))


def _fit(row: Row, fits: Fits) -> float:
    return 0 if row.problem else fits({column_name(cell) for cell in row.cells})


def _chosen(path: Path, headers: dict[Dialect, Row], fits: Fits) -> Dialect:
    """The first reading that fits; with none, the one that comes nearest to it."""
    found = {dialect: _fit(header, fits) for dialect, header in headers.items()}
    first = next(iter(headers))
    whole = [dialect for dialect in headers if found[dialect] == 1]
    if first in whole:
        return first
    if len(whole) > 1:
        signs = " and by ".join(named(dialect.sign) for dialect in whole)
        raise UnreadableTable(
            f"{path.name} can be read with columns divided by {signs}; save it with {named(',')}."
        )
    return max(headers, key=lambda one: (found[one], len(headers[one].cells)))


def _has_bare_quotes(path: Path, dialect: Dialect, width: int) -> bool:
    """Whether the rows come out whole only where quotes are taken as they stand.

    Most programs that divide by tabs quote nothing: `"Best" shirt` and `12" pipe` are cells then.
    """
    for row in rows_of(path, replace(dialect, bare_quotes=True)):
        if '"' in row.raw and len(row.cells) != width:
            return False
    rows = rows_of(path, dialect)
    return any(row.problem or _LINE_BREAK.search(row.raw.strip()) for row in rows)
