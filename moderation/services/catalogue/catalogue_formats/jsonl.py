"""JSONL: one object a line."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from moderation.clip.data.tables.delimited import Fits, column_name, column_title
from moderation.clip.data.tables.encodings import encoding_of

from . import FORMATS, BadCell, Content, Format, Record, Wanted


def jsonl_content(path: Path, fits: Fits) -> Content:
    """Raises `UnreadableTable` where it is not certain which encoding the file is in."""
    encoding = encoding_of(path)

    def records(wanted: Wanted) -> Iterator[Record]:
        for line, content in lines():
            yield line, _record(content, wanted)

    def lines() -> Iterator[tuple[int, str]]:
        with path.open(encoding=encoding.codec) as file:
            yield from ((line, text) for line, text in enumerate(file, 1) if text.strip())

    titles: dict[str, str] = {}
    count = 0
    for _, content in lines():
        count += 1
        for key in _object(content):
            titles.setdefault(column_name(key), column_title(key))
    return Content(
        names=list(titles),
        titles=list(titles.values()),
        records=records,
        assumed=encoding.told,
        hint="" if titles else " Write one JSON object per line.",
        row_count=count,
    )


def _object(content: str) -> dict[str, object]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _record(content: str, wanted: Wanted) -> Mapping[str, object] | BadCell:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        return BadCell(f"The line is not valid JSON ({error}).", raw=content)
    if not isinstance(found, dict):
        reason = "The line is not a JSON object; write one object per line."
        return BadCell(reason, raw=content)
    row = {column_name(key): value for key, value in found.items()}
    if len(row) < len(found) and (twice := _twice(list(found), wanted.used)):
        reason = f"The object has {twice} twice; keep one of them."
        return BadCell(reason, column=twice, cells=row, raw=content)
    if missing := next((column for column in wanted.needed if column not in row), ""):
        return BadCell(f"{missing} is missing.", column=missing, cells=row)
    return row


def _twice(keys: list[str], used: Collection[str]) -> str:
    """The column that keys in small letters and in capitals both name."""
    names = [column_name(key) for key in keys]
    return next((column for column in names if column in used and names.count(column) > 1), "")


FORMATS.append(Format("JSONL", (".jsonl", ".ndjson"), jsonl_content))
