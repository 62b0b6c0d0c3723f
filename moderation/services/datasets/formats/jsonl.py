"""JSONL: one object a line."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import FORMATS, Row, Write


@contextmanager
def jsonl_file(path: Path, columns: Collection[str]) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:

        def write(row: Row) -> None:
            row = {column: row[column] for column in columns}
            print(json.dumps(row, ensure_ascii=False), file=file)

        yield write


FORMATS["jsonl"] = jsonl_file
