"""CSV: what spreadsheets read, and trainings; what stands in no column is omitted."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import FORMATS, Write


@contextmanager
def csv_file(path: Path, columns: Collection[str]) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        yield writer.writerow


FORMATS["csv"] = csv_file
