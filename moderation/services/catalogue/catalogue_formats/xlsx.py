"""Excel workbooks: the sheet that holds the listings, else the first that holds anything."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from moderation.clip.data.tables.delimited import Fits, column_name, column_title

from . import FORMATS, CatalogueFileError, Content, Format, Record, Wanted

BYTES_AT_MOST = 2**29  # unpacked: texts that cells share are held in memory
_HEADER_WITHIN = 10  # rows: templates put labels and notes above it

_Row = tuple[int, tuple[object, ...]]


def xlsx_content(path: Path, fits: Fits) -> Content:
    """Raises `CatalogueFileError` for what is not a whole workbook, here or while walking."""
    with _opened(path) as book:
        sheet, line, cells = _header(book, fits)
    titles = [column_title(str(cell)) if cell is not None else "" for cell in cells]
    names = [column_name(title) for title in titles]

    def records(wanted: Wanted) -> Iterator[Record]:
        with _opened(path) as book:
            for number, row in _rows(book[sheet]):
                if number > line:
                    yield number, dict(zip(names, row, strict=False))

    return Content(names, titles, records)


def _header(book: Any, fits: Fits) -> tuple[str, int, Sequence[object]]:
    """The sheet, its line and its cells: the first that fits.

    Else the widest row at the top of the first sheet that has any: titles above a header are short.
    """
    widest: tuple[str, int, Sequence[object]] | None = None
    for sheet in book.worksheets:
        rows = list(islice(_rows(sheet), _HEADER_WITHIN))
        for line, row in rows:
            if fits({column_name(str(cell)) for cell in row if cell is not None}) == 1:
                return sheet.title, line, row
        if rows and widest is None:
            widest = (sheet.title, *max(rows, key=lambda one: len(list(_filled(one[1])))))
    return widest or (book.worksheets[0].title, 0, ())


def _rows(sheet: Any) -> Iterator[_Row]:
    """The rows that hold anything, with their numbers."""
    sheet.reset_dimensions()  # some programs write wrong ones, and rows would be cut
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if any(_filled(row)):
            yield number, row


def _filled(row: Sequence[object]) -> Iterator[str]:
    return filter(None, (str(cell).strip() for cell in row if cell is not None))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The workbook, its rows read one by one; what is said of damage becomes a sentence."""
    from openpyxl import load_workbook

    _check_size(path)
    with path.open("rb") as file:
        try:
            book = load_workbook(file, read_only=True, data_only=True)
            if not book.worksheets:
                raise CatalogueFileError(f"{path.name} has no sheet with rows.")
        except CatalogueFileError:
            raise
        except Exception as error:  # each part of a damaged archive has its own
            raise _damaged(path, error) from error
        try:
            yield book
        except (zipfile.BadZipFile, SyntaxError, ValueError, KeyError, EOFError) as error:
            raise _damaged(path, error) from error
        finally:
            book.close()


def _check_size(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, ValueError) as error:
        raise _damaged(path, error) from error
    if size > BYTES_AT_MOST:
        raise CatalogueFileError(
            f"{path.name} unpacks to more than {BYTES_AT_MOST >> 20} MB; save it as CSV."
        )


def _damaged(path: Path, error: Exception) -> CatalogueFileError:
    why = " ".join(str(error).replace(str(path), path.name).split())  # no folder of the server
    return CatalogueFileError(
        f"{path.name} is not a whole Excel workbook ({why}); save it again, or as CSV."
    )


FORMATS.append(Format("Excel", (".xlsx",), xlsx_content))
