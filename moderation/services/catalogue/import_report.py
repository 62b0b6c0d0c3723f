"""What became of the rows of a catalogue file, and the file of those that were not taken."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..rules.reading import Unread
from ..rules.texts_read import TextsRead
from .column_mapping import ColumnMapping
from .fetching import addresses
from .profiles import Role


@dataclass(frozen=True)
class BadRow:
    """A row that was not taken. `column` is empty where the row as a whole is at fault.

    `product_id` is as people are shown it, `given_id` as the file has it. `rows` are the cells of
    the rows that make the listing, by column; `raw` is the row as the file has it where they are
    not the whole of it.
    """

    line: int
    column: str
    reason: str
    product_id: str = field(default="", compare=False)
    rows: Sequence[Mapping[str, str]] = field(default=(), compare=False)
    raw: str = field(default="", compare=False)
    missing_photo: str = field(default="", compare=False)
    given_id: str = field(default="", compare=False)


@dataclass
class ImportReport:
    """What became of the rows; after a dry run: what would become of them.

    `mapping` says which profile the file was read by and why, `assumed` how it was read where that
    had to be guessed, `warnings` are about rows that were taken all the same, `columns` are those
    of the file that were used. `stopped` says why the rows after the last bad one were not looked
    at, as on a full disk.
    """

    mapping: ColumnMapping
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    bad_rows: list[BadRow] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    ignored_columns: tuple[str, ...] = ()
    assumed: str = ""
    warnings: tuple[str, ...] = ()
    photos_good: int = 0
    photos_to_fetch: int = 0  # of good rows: known by their address
    photos_left_out: int = 0  # of good rows, as `layout_told` says
    new_categories: dict[str, str] = field(default_factory=dict)  # key -> name, of good rows
    variants: int = 0  # rows of the file that are no listing of their own
    stopped: str = ""
    last_line: int = 0  # where the last row that was looked at begins
    read: TextsRead | None = None  # of a dry run
    unread: Unread | None = None  # of a dry run, where it is known what the model reads

    @property
    def good(self) -> int:
        return self.created + self.updated + self.unchanged

    @property
    def layout_told(self) -> tuple[str, ...]:
        """Sentences on what is not a row with its one file each."""
        told = []
        if self.variants:
            told.append(f"Rows that are variants of a listing: {self.variants:,}.")
        if self.photos_to_fetch:
            told.append(
                f"Photos to fetch from their addresses: {self.photos_to_fetch:,}; the worker does."
            )
        if self.photos_left_out:
            told.append(
                f"Further photos that are left out: {self.photos_left_out:,}; they are missing, "
                f"cannot be read, or are more than the {addresses.MOST} of a listing."
            )
        return tuple(told)

    @property
    def photos_missing(self) -> int:
        """For how many rows there is no photo, where no other row has one; 0 elsewhere.

        One sentence says that better than the same one for each row.
        """
        missing = sum(bool(row.missing_photo) for row in self.bad_rows)
        return missing if missing > 1 and not self.photos_good else 0

    @property
    def photo_column(self) -> str:
        return self.mapping.first(Role.PHOTOS)

    @property
    def first_missing(self) -> str:
        return next(row.missing_photo for row in self.bad_rows if row.missing_photo)

    @property
    def rows_to_tell(self) -> list[BadRow]:
        """The bad rows, less those of which one sentence is enough."""
        if not self.photos_missing:
            return self.bad_rows
        return [row for row in self.bad_rows if not row.missing_photo]


_CAUSES_TOLD = 50
_PARTS = re.compile(r"(?:[a-z]+:)?//\S+|\d[\d,.]*\d|\d", re.IGNORECASE)


class Causes:
    """Bad rows by why they are bad, whatever of their own cells the reasons name."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], int] = {}
        self._first: dict[tuple[str, str], int] = {}

    def add(self, row: BadRow) -> None:
        key = (row.column, _without_cells(row))
        self._first.setdefault(key, row.line)
        self._rows[key] = self._rows.get(key, 0) + 1

    def as_json(self) -> list[dict[str, object]]:
        """The most frequent first; no content of a listing, which may be erased one day."""
        found = sorted(self._rows.items(), key=lambda item: (-item[1], item[0]))
        return [
            {"column": key[0], "cause": key[1], "rows": rows, "first_line": self._first[key]}
            for key, rows in found[:_CAUSES_TOLD]
        ]


def _without_cells(row: BadRow) -> str:
    """The reason with dots for what is this row's own, and for numbers."""
    cells = {cell.strip() for cells in row.rows for cell in cells.values()}
    own = {row.product_id, row.given_id, row.missing_photo, *cells}
    reason = row.reason
    for part in sorted(own, key=len, reverse=True):
        if len(part) > 1 and part not in (row.column, "text"):
            reason = reason.replace(part[:100], "…")
    return _PARTS.sub("…", reason)[:300]


def write_bad_rows(report: ImportReport, path: Path) -> None:
    """Write every bad row with its own cells, so that it can be mended there and imported.

    A listing of several rows has as many here. Half characters are spelled out, since no file can
    hold them. Raises `OSError`.
    """
    has_raw = any(row.raw for row in report.bad_rows)
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["line", "column", "reason", *report.columns, *["row"] * has_raw])
        for row in report.bad_rows:
            told: Sequence[object] = (row.line, row.column, row.reason)
            for cells in row.rows:
                own = [cells.get(column, "") for column in report.columns]
                writer.writerow([*told, *own, *[row.raw] * has_raw])
                told = ("", "", "")
