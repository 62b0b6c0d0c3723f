"""Parquet. It names its writer inside: "the same bytes" holds for one version of pyarrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from . import FORMATS, Row, Write

_ROW_GROUP = 10_000


@contextmanager
def parquet_file(path: Path, columns: Mapping[str, str]) -> Iterator[Write]:
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()])
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


FORMATS["parquet"] = parquet_file
