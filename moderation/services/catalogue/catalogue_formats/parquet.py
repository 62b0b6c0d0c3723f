"""Parquet, which has no lines: rows are counted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from . import COLUMNS, FORMATS, CatalogueFileError, Content, Format, Record


def parquet_content(path: Path) -> Content:
    """Raises `CatalogueFileError` for what is not a whole Parquet file."""
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
    except (ArrowException, OSError) as error:
        raise CatalogueFileError(
            f"{path.name} is not a whole Parquet file ({error}); write it again."
        ) from error

    def records() -> Iterator[Record]:
        number = 0
        with parquet.ParquetFile(path) as file:
            ours = [column for column in COLUMNS if column in names]
            for batch in file.iter_batches(batch_size=1000, columns=ours):
                # Whole numbers with gaps stay whole numbers instead of becoming 7.0.
                frame = batch.to_pandas(integer_object_nulls=True).astype(object)
                for values in frame.itertuples(index=False, name=None):
                    number += 1
                    yield number, dict(zip(frame.columns, values, strict=True))

    return Content(names, records)


FORMATS.append(Format("Parquet", (".parquet",), parquet_content, is_text=False))
