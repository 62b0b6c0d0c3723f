"""Read a catalogue file chunk by chunk, as pandas frames of texts."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .catalogue_formats import (
    COLUMNS,
    ENDINGS,
    REQUIRED,
    BadCell,
    CatalogueFileError,
    Content,
    Record,
    format_of,
    listed,
)

if TYPE_CHECKING:
    import pandas as pd

_FOREIGN = (
    (b"\xff\xfe", "is UTF-16 text"),
    (b"\xfe\xff", "is UTF-16 text"),
    (b"PK\x03\x04", "is a workbook or zip archive"),
    (b"\x1f\x8b", "is compressed with gzip"),
)
_BLOCK = 1 << 20


@dataclass(frozen=True)
class CatalogueFile:
    """A file that was looked through once: its columns are right and its rows are counted."""

    ignored: tuple[str, ...]
    row_count: int
    content: Content

    def chunks(self, size: int) -> Iterator[pd.DataFrame]:
        """Frames of at most `size` rows with `line`, each of `COLUMNS` and `problem`.

        A cell is a text, "" where it is empty and None where the file has no such column.
        `problem` is a `BadCell` or None. `line` is where the row starts, counted from 1 with the
        header (Parquet, which has no lines: the row's number).
        """
        records = self.content.records()
        while chunk := list(islice(records, size)):
            yield _frame(chunk)


def open_catalogue(path: Path) -> CatalogueFile:
    """Look through the whole file once. Raises `CatalogueFileError`."""
    if not path.is_file():
        raise CatalogueFileError(f"{path} is not a file; give the path of a catalogue file.")
    format = format_of(path)
    if format is None:
        raise CatalogueFileError(
            f"{path.name} has the ending {path.suffix.lower() or '(none)'}; "
            f"{listed(ENDINGS, by='and')} are accepted."
        )
    if format.is_text:
        _check_encoding(path)
    content = format.read(path)
    _check_columns(path, content)
    row_count = sum(1 for _ in content.records())
    if not row_count:
        raise CatalogueFileError(f"{path.name} has no rows.")
    ignored = tuple(name for name in content.names if name and name not in COLUMNS)
    return CatalogueFile(ignored, row_count, content)


def _check_columns(path: Path, content: Content) -> None:
    names = content.names
    missing = [column for column in REQUIRED if column not in names]
    if missing:
        raise CatalogueFileError(
            f"{path.name} lacks the column {' and '.join(missing)}; it has: "
            f"{', '.join(name for name in names if name) or 'nothing'}.{content.hint}"
        )
    if twice := [column for column in COLUMNS if list(names).count(column) > 1]:
        raise CatalogueFileError(
            f"{path.name} has the column {twice[0]} twice; remove or rename one of them."
        )


def _check_encoding(path: Path) -> None:
    """Refuse what is not UTF-8 (a byte order mark is fine), with the line where it shows."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    with path.open("rb") as file:
        block = file.read(_BLOCK)
        for magic, what in _FOREIGN:
            if block.startswith(magic):
                raise CatalogueFileError(f"{path.name} {what}; save it as CSV in UTF-8.")
        while True:
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line += bytes(error.object[: error.start]).count(b"\n")
                raise CatalogueFileError(
                    f"Line {line} of {path.name} is not UTF-8; save the file as UTF-8 "
                    "(spreadsheets call it “CSV UTF-8”)."
                ) from error
            if not block:
                return
            line += text.count("\n")
            block = file.read(_BLOCK)


def _frame(records: Sequence[Record]) -> pd.DataFrame:
    import pandas as pd

    rows = [(line, *_texts(record)) for line, record in records]
    return pd.DataFrame(rows, columns=["line", *COLUMNS, "problem"], dtype=object)


def _texts(record: Mapping[str, object] | BadCell) -> tuple[str | BadCell | None, ...]:
    if isinstance(record, BadCell):
        return (*(None for _ in COLUMNS), record)
    texts: dict[str, str | None] = dict.fromkeys(COLUMNS)
    problem = None
    for column in COLUMNS:
        if column in record:
            try:
                texts[column] = _text(record[column], column)
            except BadCell as found:
                problem = problem or found
    return (*texts.values(), problem)


def _text(value: Any, column: str) -> str:
    """A cell as text; ids are often numbers, and a gap in a column of numbers is NaN."""
    import pandas as pd

    if isinstance(value, str):
        return value
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return ""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    raise BadCell(f"{column} is of type {type(value).__name__}; give a text.", column=column)
