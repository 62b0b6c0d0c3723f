"""Read a catalogue file (CSV, TSV, JSONL, Parquet) chunk by chunk, with the line of each row.

Each chunk is a pandas frame of plain texts. CSV cells are split by the standard library's reader,
because pandas counts records: a quoted cell that runs over several lines would shift the line
number of every row after it, and one row with a comma too many would refuse the whole file.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("product_id", "image_path", "text")
COLUMNS = (*REQUIRED, "category", "seller")

_FOREIGN = (
    (b"\xff\xfe", "is UTF-16 text"),
    (b"\xfe\xff", "is UTF-16 text"),
    (b"PK\x03\x04", "is a workbook or zip archive"),
    (b"\x1f\x8b", "is compressed with gzip"),
)
_BLOCK = 1 << 20


class CatalogueFileError(Exception):
    """The file as a whole cannot be read; `str(error)` is a sentence for people."""


class BadCell(ValueError):  # noqa: N818 - a finding, gathered and not a failure of the program
    """A row that cannot be read: the column at fault ("" for the whole row), and why."""

    def __init__(self, reason: str, *, column: str = "") -> None:
        super().__init__(reason)
        self.column = column


# The line a row starts on, and its cells by column or what is wrong with the row.
_Record = tuple[int, Mapping[str, object] | BadCell]


@dataclass(frozen=True)
class CatalogueFile:
    """A file that was looked through once: its columns are right and its rows are counted."""

    path: Path
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    row_count: int
    _records: Callable[[], Iterator[_Record]]

    def chunks(self, size: int) -> Iterator[pd.DataFrame]:
        """Frames of at most `size` rows with `line`, each of `COLUMNS` and `problem`.

        A cell is a text, "" where it is empty and None where the file has no such column.
        `problem` is a `BadCell` or None. `line` is where the row starts, counted from 1 with the
        header (Parquet, which has no lines: the row's number).
        """
        records = self._records()
        while chunk := list(islice(records, size)):
            yield _frame(chunk)


def open_catalogue(path: Path) -> CatalogueFile:
    """Look through the whole file once. Raises `CatalogueFileError`."""
    kind = path.suffix.lower()
    if not path.is_file():
        raise CatalogueFileError(f"{path} is not a file; give the path of a catalogue file.")
    if kind == ".parquet":
        return _open_parquet(path)
    if kind not in _READERS:
        raise CatalogueFileError(
            f"{path.name} has the ending {kind or '(none)'}; .csv, .tsv, .jsonl and .parquet "
            "are accepted."
        )
    _check_encoding(path)
    return _READERS[kind](path)


# ── CSV and TSV ───────────────────────────────────────────────────────────────────────────────
def _open_csv(path: Path, delimiter: str = ",") -> CatalogueFile:
    _, header = next(_csv_rows(path, delimiter), (1, []))
    if isinstance(header, BadCell):
        raise CatalogueFileError(f"The header of {path.name} cannot be read: {header}")
    names = [name.strip().lower() for name in header]
    ours, ignored = _columns(path, names, hint=_separator_hint(names))
    if twice := sorted({name for name in ours if names.count(name) > 1}):
        raise CatalogueFileError(
            f"{path.name} has the column {twice[0]} twice; remove or rename one of them."
        )

    def records() -> Iterator[_Record]:
        for line, cells in islice(_csv_rows(path, delimiter), 1, None):
            yield line, cells if isinstance(cells, BadCell) else _cells(names, cells)

    return _counted(path, ours, ignored, records)


def _csv_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str] | BadCell]]:
    """(line it starts on, cells) of every row but the blank ones."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, _bad_quotes(line, reader.line_num, error)
                continue
            if any(cell.strip() for cell in cells):
                yield line, cells


def _bad_quotes(first: int, last: int, error: csv.Error) -> BadCell:
    if first == last:
        return BadCell(
            f"The quotes of this row are not right ({error}); put quotes around the whole cell "
            'and write each quote inside it twice ("").'
        )
    return BadCell(
        f"A quoted cell opens here and is not closed rightly by line {last}, so that no row in "
        f"between could be read ({error}); close the quote."
    )


def _cells(names: Sequence[str], cells: Sequence[str]) -> Mapping[str, object] | BadCell:
    if len(cells) < len(names):
        return BadCell(
            f"The row has {len(cells)} cells where the header has {len(names)}; fill it up.",
            column=names[len(cells)],
        )
    if len(cells) > len(names):
        return BadCell(
            f"The row has {len(cells)} cells where the header has {len(names)}; put quotes around "
            "a text that holds the separator."
        )
    return dict(zip(names, cells, strict=True))


def _separator_hint(names: Sequence[str]) -> str:
    if len(names) == 1 and any(sign in names[0] for sign in ";\t"):
        return " The cells seem to be separated by another sign; save the file with commas."
    return ""


# ── JSONL ─────────────────────────────────────────────────────────────────────────────────────
def _open_jsonl(path: Path) -> CatalogueFile:
    def records() -> Iterator[_Record]:
        with path.open(encoding="utf-8-sig") as file:
            for line, content in enumerate(file, 1):
                if content.strip():
                    yield line, _json_object(content)

    names: dict[str, None] = {}
    for _, row in records():
        names |= dict.fromkeys(() if isinstance(row, BadCell) else row)
    ours, ignored = _columns(path, list(names), hint=" Write one JSON object per line.")
    return _counted(path, ours, ignored, records)


def _json_object(content: str) -> Mapping[str, object] | BadCell:
    try:
        row = json.loads(content)
    except (ValueError, RecursionError) as error:
        return BadCell(f"The line is not valid JSON ({error}).")
    if not isinstance(row, dict):
        return BadCell("The line is not a JSON object; write one object per line.")
    for column in REQUIRED:
        if column not in row:
            return BadCell(f"{column} is missing.", column=column)
    return row


# ── Parquet ───────────────────────────────────────────────────────────────────────────────────
def _open_parquet(path: Path) -> CatalogueFile:
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            row_count = file.metadata.num_rows
    except (ArrowException, OSError) as error:
        raise CatalogueFileError(
            f"{path.name} is not a whole Parquet file ({error}); write it again."
        ) from error
    ours, ignored = _columns(path, names)
    if not row_count:
        raise CatalogueFileError(f"{path.name} has no rows.")

    def records() -> Iterator[_Record]:
        number = 0
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1000, columns=list(ours)):
                # Whole numbers with gaps stay whole numbers instead of becoming 7.0.
                frame = batch.to_pandas(integer_object_nulls=True).astype(object)
                for values in frame.itertuples(index=False, name=None):
                    number += 1
                    yield number, dict(zip(frame.columns, values, strict=True))

    return CatalogueFile(path, ours, ignored, row_count, records)


# ── What the formats share ────────────────────────────────────────────────────────────────────
_READERS: Mapping[str, Callable[[Path], CatalogueFile]] = {
    ".csv": _open_csv,
    ".tsv": lambda path: _open_csv(path, "\t"),
    ".jsonl": _open_jsonl,
    ".ndjson": _open_jsonl,
}


def _counted(
    path: Path,
    ours: tuple[str, ...],
    ignored: tuple[str, ...],
    records: Callable[[], Iterator[_Record]],
) -> CatalogueFile:
    row_count = sum(1 for _ in records())
    if not row_count:
        raise CatalogueFileError(f"{path.name} has a header but no rows.")
    return CatalogueFile(path, ours, ignored, row_count, records)


def _columns(
    path: Path, names: Sequence[str], *, hint: str = ""
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Our columns and the others. Raises `CatalogueFileError` where a required one is missing."""
    missing = [column for column in REQUIRED if column not in names]
    if missing:
        raise CatalogueFileError(
            f"{path.name} lacks the column {' and '.join(missing)}; it has: "
            f"{', '.join(name for name in names if name) or 'nothing'}.{hint}"
        )
    ours = tuple(column for column in COLUMNS if column in names)
    return ours, tuple(name for name in names if name and name not in COLUMNS)


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


def _frame(records: Sequence[_Record]) -> pd.DataFrame:
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
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool) and value == int(value):
        return str(int(value))
    raise BadCell(f"{column} is of type {type(value).__name__}; give a text.", column=column)
