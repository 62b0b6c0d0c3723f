"""A list in JSON, written item by item: it need not fit into memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def json_list(path: Path, *, before: str = "", after: str = "") -> Iterator[Callable[[Any], None]]:
    """Yields what appends an item. `before` and `after` are the JSON that the list stands in."""
    with path.open("w", encoding="utf-8", newline="") as file:
        between = f"{before}[\n"

        def append(item: Any) -> None:
            nonlocal between
            file.write(between + json.dumps(item, ensure_ascii=False))
            between = ",\n"

        yield append
        file.write(f"\n]{after}\n")
