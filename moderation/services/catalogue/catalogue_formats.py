"""The formats of a catalogue file: each yields its rows with the line they start on.

CSV cells are split by the standard library's reader, because pandas counts records: a quoted cell
that runs over several lines would shift the line number of every row after it, and one row with a
comma too many would refuse the whole file.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

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
class Format:
    """A file as its format sees it: the names of its columns, and a way to walk its rows."""

    names: Sequence[str]
    records: Callable[[], Iterator[Record]]
    hint: str = ""


# ── CSV and TSV ───────────────────────────────────────────────────────────────────────────────
def csv_format(path: Path, delimiter: str = ",") -> Format:
    """Raises `CatalogueFileError` where the header cannot be read."""
    _, header = next(_csv_rows(path, delimiter), (1, []))
    if isinstance(header, BadCell):
        raise CatalogueFileError(f"The header of {path.name} cannot be read: {header}")
    names = [name.strip().lower() for name in header]

    def records() -> Iterator[Record]:
        for line, cells in islice(_csv_rows(path, delimiter), 1, None):
            yield line, cells if isinstance(cells, BadCell) else _cells(names, cells)

    return Format(names, records, hint=_separator_hint(names))


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
def jsonl_format(path: Path) -> Format:
    def records() -> Iterator[Record]:
        with path.open(encoding="utf-8-sig") as file:
            for line, content in enumerate(file, 1):
                if content.strip():
                    yield line, _json_object(content)

    names: dict[str, None] = {}
    for _, row in records():
        names |= dict.fromkeys(() if isinstance(row, BadCell) else row)
    return Format(list(names), records, hint=" Write one JSON object per line.")


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
def parquet_format(path: Path) -> Format:
    """Raises `CatalogueFileError` for what is not a whole Parquet file."""
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
    except (ArrowException, OSError) as error:
        raise CatalogueFileError(
            f"{path.name} is not a whole Parquet file ({error}); write it again."
        ) from error

    def records() -> Iterator[Record]:
        number = 0
        with parquet.ParquetFile(path) as file:
            ours = [column for column in COLUMNS if column in names]
            for batch in file.iter_batches(batch_size=1000, columns=ours):
                # Whole numbers with gaps stay whole numbers instead of becoming 7.0.
                frame = batch.to_pandas(integer_object_nulls=True).astype(object)
                for values in frame.itertuples(index=False, name=None):
                    number += 1
                    yield number, dict(zip(frame.columns, values, strict=True))

    return Format(names, records)
