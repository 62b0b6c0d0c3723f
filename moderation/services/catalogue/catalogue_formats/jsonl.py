"""JSONL: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import FORMATS, REQUIRED, BadCell, Content, Format, Record


def jsonl_content(path: Path) -> Content:
    def records() -> Iterator[Record]:
        with path.open(encoding="utf-8-sig") as file:
            for line, content in enumerate(file, 1):
                if content.strip():
                    yield line, _json_object(content)

    names: dict[str, None] = {}
    for _, row in records():
        names |= dict.fromkeys(() if isinstance(row, BadCell) else row)
    return Content(list(names), records, hint=" Write one JSON object per line.")


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


FORMATS.append(Format("JSONL", (".jsonl", ".ndjson"), jsonl_content))
