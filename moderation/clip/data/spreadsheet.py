"""Cells that a spreadsheet would run as formulas: made plain text, and read back as they were.

A text of a stranger that begins with `=` may fetch an address once somebody opens the file. So each
cell that begins with such a sign gets an apostrophe before it, and so does one that begins with an
apostrophe: what is taken away again is then always ours. A column says that this was done, because
files are renamed, cut and joined.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MARK = "spreadsheet_safe"
_DONE = "1"
_SIGNS = (*"=+-@＝＋－＠\t\r\n", "'")


def safe(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as no spreadsheet runs it, with the column `MARK`; numbers stay numbers."""
    return {**{name: _safe(cell) for name, cell in row.items()}, MARK: _DONE}


def plain(row: dict[Any, Any]) -> dict[Any, Any]:
    """The row as it was before `safe`; any other stays as it is."""
    if row.get(MARK) != _DONE:
        return row
    return {name: _plain(cell) for name, cell in row.items() if name != MARK}


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_SIGNS) else cell


def _plain(cell: Any) -> Any:
    return cell.removeprefix("'") if isinstance(cell, str) else cell
