"""CSV for spreadsheets: they run no text in it as a formula; trainings read the texts as ever."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from moderation.clip.data import spreadsheet

from . import FORMATS, Row, Write
from .csv import csv_file

NAME = "spreadsheet.csv"
# Said with the plain CSV, and then which way leads to this one.
WARNING = "Cells of labels.csv that begin with = + - @ run as formulas in a spreadsheet"


@contextmanager
def spreadsheet_file(path: Path, columns: Collection[str]) -> Iterator[Write]:
    with csv_file(path, [*columns, spreadsheet.MARK]) as write_cells:

        def write(row: Row) -> None:
            write_cells(spreadsheet.safe(row))

        yield write


FORMATS[NAME] = spreadsheet_file
