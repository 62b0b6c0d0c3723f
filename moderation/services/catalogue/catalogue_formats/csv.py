"""CSV and TSV.

Cells are split by the standard library's reader, because pandas counts records: a quoted cell that
runs over several lines would shift the line number of every row after it, and one row with a comma
too many would refuse the whole file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from . import FORMATS, BadCell, CatalogueFileError, Content, Format, Record


def csv_content(path: Path, delimiter: str = ",") -> Content:
    """Raises `CatalogueFileError` where the header cannot be read."""
    _, header = next(_csv_rows(path, delimiter), (1, []))
    if isinstance(header, BadCell):
        raise CatalogueFileError(f"The header of {path.name} cannot be read: {header}")
    names = [name.strip().lower() for name in header]

    def records() -> Iterator[Record]:
        for line, cells in islice(_csv_rows(path, delimiter), 1, None):
            yield line, cells if isinstance(cells, BadCell) else _cells(names, cells)

    return Content(names, records, hint=_separator_hint(names))


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


FORMATS += [
    Format("CSV", (".csv",), csv_content),
    Format("TSV", (".tsv",), partial(csv_content, delimiter="\t")),
]
