"""Reads the CSV of a catalogue: image_path, text, category and, where it has one, source."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip.data.product_rows import Rows, difference_hash, squashed
from moderation.clip.data.tables.delimited import open_delimited, share_of
from moderation.clip.data.tables.encodings import UnreadableTable
from moderation.clip.data.tables.rows import Row
from moderation.clip.errors import ClipError
from moderation.clip.pictures.images import open_image

logger = logging.getLogger(__name__)

COLUMNS = ("image_path", "text", "category")
Progress = Callable[[Sequence[Any], str], Iterable[Any]]


class CatalogueError(ClipError):
    """The catalogue cannot be trained on; the message says which file or column and what to do."""


def read_table(csv: Path, *, columns: Sequence[str] = COLUMNS) -> list[dict[str, str]]:
    """The rows of a product CSV as text, in any dialect; says which column or row is wrong."""
    if not csv.is_file():
        raise CatalogueError(f"There is no file {csv}: give the path of a product CSV.")
    try:
        table = open_delimited(csv, usual=",", fits=share_of(columns))
    except UnreadableTable as error:
        raise CatalogueError(str(error)) from error
    missing = [name for name in columns if name not in table.names]
    if missing:
        raise CatalogueError(
            f"{csv.name} has no column {', '.join(missing)}: it needs {', '.join(columns)}."
        )
    if assumed := table.assumed():
        logger.warning("%s: %s", csv.name, assumed)
    return [{"source": "catalogue"} | _cells(csv, table.names, row) for row in table.rows()]


def _cells(csv: Path, names: Sequence[str], row: Row) -> dict[str, str]:
    problem = row.problem
    if not problem and any(cell.strip() for cell in row.cells[len(names) :]):
        problem = "It has more cells than the header; put quotes around a text with the separator."
    if problem:
        raise CatalogueError(f"Line {row.line} of {csv.name} cannot be read. {problem}")
    return dict.fromkeys(names, "") | dict(zip(names, row.cells, strict=False))


def read_rows(
    csv: Path, *, folder: Path, side: int, progress: Progress = lambda items, _what: items
) -> Rows:
    """Read a catalogue and decode its pictures once, squashed to `side` pixels.

    Rows whose picture cannot be opened are skipped; more than one in ten is an error.
    """
    table = read_table(csv)

    def load(row: dict[str, str]) -> tuple[np.ndarray, int] | None:
        try:
            image = open_image(folder / row["image_path"])
        except ClipError:
            return None
        return squashed(image, side), difference_hash(image)

    good = []
    with ThreadPoolExecutor() as pool:
        for row, found in zip(
            progress(table, f"Reading {csv.name}"), pool.map(load, table), strict=True
        ):
            if found is not None:
                good.append((row, *found))
    if len(good) < 0.9 * len(table) or not good:
        raise CatalogueError(
            f"{len(table) - len(good)} of {len(table)} pictures of {csv.name} cannot be opened: "
            f"paths are relative to {folder}; give another folder with --image-base-path."
        )
    return Rows(
        texts=[row["text"].strip() for row, _pixels, _hash in good],
        categories=[row["category"].strip() for row, _pixels, _hash in good],
        sources=[row["source"].strip() for row, _pixels, _hash in good],
        pixels=np.stack([pixels for _row, pixels, _hash in good]),
        hashes=np.array([found for _row, _pixels, found in good], dtype=np.uint64),
    )
