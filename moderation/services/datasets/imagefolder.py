"""The rows once more, beside their photos, as Hugging Face's `imagefolder` reads them.

It would read a CSV too, but has pandas guess the types: a text "NA" becomes nothing, the id "007" a
7, and where a column is empty in one part, or in the first 10,000 rows, nothing loads at all.
Parquet says what its columns hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from .formats import Row, Write
from .formats.parquet import parquet_file

FILE = "metadata.parquet"  # a name that it looks for


@contextmanager
def metadata_file(folder: Path, columns: Mapping[str, str], *, part: str = "") -> Iterator[Write]:
    """For rows whose `image_path` leads into this part of the folder; the file lies there."""
    others = {name: kind for name, kind in columns.items() if name != "image_path"}
    with parquet_file(folder / part / FILE, {"file_name": "string", **others}) as write_row:

        def write(row: Row) -> None:
            path = PurePosixPath(str(row["image_path"])).relative_to(part)
            write_row({**row, "file_name": str(path)})

        yield write
