"""Parquet, which has no lines: rows are counted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moderation.clip.data.tables.delimited import Fits, column_name, column_title

from . import FORMATS, CatalogueFileError, Content, Format, Record, Wanted


def parquet_content(path: Path, fits: Fits) -> Content:
    """Raises `CatalogueFileError` for what is not a whole Parquet file, here or while walking."""
    with _opened(path) as file:
        own = list(file.schema_arrow.names)
    names = [column_name(name) for name in own]

    def records(wanted: Wanted) -> Iterator[Record]:
        used = {own[names.index(column)]: column for column in wanted.used if column in names}
        number = 0
        with _opened(path) as file:
            for batch in file.iter_batches(batch_size=1000, columns=list(used)):
                # Whole numbers with gaps stay whole numbers instead of becoming 7.0.
                frame = batch.to_pandas(integer_object_nulls=True).astype(object)
                columns = [used[name] for name in frame.columns]
                for values in frame.itertuples(index=False, name=None):
                    number += 1
                    yield number, dict(zip(columns, values, strict=True))

    titles = [column_title(name) for name in own]
    return Content(names, titles, records)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file; what pyarrow says of damage, now or later, becomes a sentence."""
    from pyarrow import ArrowException, parquet

    try:
        with parquet.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())
        raise CatalogueFileError(
            f"{path.name} is not a whole Parquet file ({why}); write it again."
        ) from error


FORMATS.append(Format("Parquet", (".parquet",), parquet_content))
