"""CSV and TSV, in the dialects that spreadsheets and shops write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from moderation.clip.data.tables.delimited import Fits, open_delimited
from moderation.clip.data.tables.rows import Row

from . import FORMATS, BadCell, Content, Format, Record, Wanted


def csv_content(path: Path, fits: Fits, *, sign: str = ",") -> Content:
    """Raises `UnreadableTable` where it is not certain how the file is to be read."""
    table = open_delimited(path, usual=sign, fits=fits)
    short: set[int] = set()

    def records(wanted: Wanted) -> Iterator[Record]:
        for row in table.rows():
            record = _record(table.names, row, needed=wanted.needed)
            if len(row.cells) < len(table.names) and not isinstance(record, BadCell):
                short.add(row.line)
            yield row.line, record

    def assumed() -> str:
        rows = f"{len(short):,} row{'s' if len(short) > 1 else ''}"
        return table.assumed(*[f"cells missing at the end of {rows} as empty"] if short else [])

    return Content(table.names, table.titles, records, assumed)


def _record(
    names: Sequence[str], row: Row, *, needed: Sequence[str]
) -> Mapping[str, object] | BadCell:
    """Cells by column. Spreadsheets leave out empty cells at the end of a row, or add some."""
    cells = dict(zip(names, row.cells, strict=False))
    if row.problem:
        return BadCell(row.problem, cells=cells, raw=row.raw)
    counted = f"The row has {len(row.cells)} cells where the header has {len(names)}"
    if any(cell.strip() for cell in row.cells[len(names) :]):
        return BadCell(
            f"{counted}; put quotes around a text that holds the separator.",
            cells=cells,
            raw=row.raw,
        )
    missing = names[len(row.cells) :]
    if lost := next((name for name in missing if name in needed), ""):
        return BadCell(f"{counted}; fill it up.", column=lost, cells=cells)
    return cells | dict.fromkeys(missing, "")


FORMATS += [
    Format("CSV", (".csv",), csv_content),
    Format("TSV", (".tsv", ".txt"), partial(csv_content, sign="\t")),
]
