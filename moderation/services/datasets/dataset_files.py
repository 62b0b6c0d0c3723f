"""Write label rows as CSV, JSONL or Parquet so that the same rows give the same bytes.

Parquet names its writer inside the file, so there "the same" holds for one version of pyarrow.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

Row = Mapping[str, str | int | float | None]
Write = Callable[[Row], None]

# Column -> its type in Parquet. The order is the order in every format.
COLUMNS = {
    "image_path": "string",
    "text": "string",
    "label": "int8",
    "product_id": "string",
    "category": "string",
    "decision_id": "int64",
    "verdict": "string",
    "reason": "string",
    "wrong_side": "string",
    "moderator": "string",
    "mode": "string",
    "decided_at": "string",
    "similarity": "float64",
    "p_mismatch": "float64",
    "threshold_used": "float64",
    "model_version": "string",
    "weights_sha256": "string",
    "stratum": "string",
    "sampling_probability": "float64",
    "content_hash": "string",
    "image_sha256": "string",
}
FORMATS = ("csv", "jsonl", "parquet")
_ROW_GROUP = 10_000
# The earliest date a zip archive can hold: no clock in the bytes.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


@contextmanager
def label_file(path: Path) -> Iterator[Write]:
    """Yields a callable that writes a row; the ending of `path` decides the format."""
    opener = {".csv": csv_file, ".jsonl": _jsonl_file, ".parquet": _parquet_file}[path.suffix]
    with opener(path) as write:
        yield write


@contextmanager
def csv_file(path: Path, columns: Sequence[str] = tuple(COLUMNS)) -> Iterator[Write]:
    """Yields a callable that writes a row; what stands in no column is left out."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        yield writer.writerow


@contextmanager
def _jsonl_file(path: Path) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="") as file:
        yield lambda row: print(
            json.dumps({column: row[column] for column in COLUMNS}, ensure_ascii=False), file=file
        )


@contextmanager
def _parquet_file(path: Path) -> Iterator[Write]:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()])
    rows: list[Row] = []
    settings = {"version": "2.6", "compression": "zstd", "store_schema": False}
    with parquet.ParquetWriter(path, schema, **settings) as writer:

        def flush() -> None:
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))
            rows.clear()

        def write(row: Row) -> None:
            rows.append(row)
            if len(rows) == _ROW_GROUP:
                flush()

        yield write
        flush()


def zip_folder(folder: Path, target: IO[bytes]) -> None:
    """Pack a folder: sorted, stored without compression, without dates, so always the same."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _NO_DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            entry.file_size = path.stat().st_size  # lets zipfile choose the large-file form
            with path.open("rb") as source, archive.open(entry, "w") as packed:
                while block := source.read(1 << 20):
                    packed.write(block)
