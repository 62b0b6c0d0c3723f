"""From files to what a run needs: rows to train on, held-out pairs, and pairs to report on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from moderation.clip.data.catalogue_csv import CatalogueError, Progress, read_rows, read_table
from moderation.clip.data.held_out import made_pairs
from moderation.clip.data.product_rows import (
    Pairs,
    Rows,
    difference_hash,
    joined,
    split_by_family,
    squashed,
    without_families_of,
)
from moderation.clip.errors import ClipError
from moderation.clip.pictures.images import open_image
from moderation.clip.pretrain.model import DRAWN, PretrainSettings

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class PretrainData:
    """All that a run needs. `reported` pairs are only ever measured on."""

    train: Rows
    held_out: Pairs
    reported: Pairs | None = None
    reported_name: str = "reported"


class Drawn(Protocol):
    """A drawn product (moderation.demo makes them)."""

    @property
    def text(self) -> str: ...

    @property
    def category(self) -> str: ...

    def image(self, size: int) -> Image.Image: ...


def drawn_rows(products: Sequence[Drawn], *, side: int, progress: Progress) -> Rows:
    """Drawn products as rows of the source "drawn"."""
    images = [product.image(3 * side // 2) for product in progress(products, "Drawing products")]
    return Rows(
        texts=[product.text for product in products],
        categories=[product.category for product in products],
        sources=[DRAWN] * len(products),
        pixels=np.stack([squashed(image, side) for image in images]),
        hashes=np.array([difference_hash(image) for image in images], dtype=np.uint64),
    )


def read_pairs(
    csv: Path,
    *,
    folder: Path,
    sources: dict[str, str],
    side: int,
    progress: Progress = lambda items, _what: items,
) -> Pairs:
    """Labelled pairs (image_path, text, label, kind) with the source of each picture."""
    table = read_table(csv, columns=("image_path", "text", "label", "kind"))
    for line, row in enumerate(table, start=2):
        if row["label"] not in ("0", "1"):
            raise CatalogueError(
                f"{csv.name}, line {line}: label is “{row['label']}”; write 1 where text and "
                "picture match and 0 where they do not."
            )
    paths = sorted({row["image_path"] for row in table})
    place = {path: i for i, path in enumerate(paths)}
    try:
        pixels = [
            squashed(open_image(folder / path), side)
            for path in progress(paths, f"Reading {csv.name}")
        ]
    except ClipError as error:
        raise CatalogueError(f"{csv.name}: {error}") from error
    return Pairs(
        pixels=np.stack(pixels),
        image=np.array([place[row["image_path"]] for row in table]),
        texts=[row["text"] for row in table],
        labels=np.array([int(row["label"]) for row in table]),
        kinds=np.array([row["kind"] for row in table]),
        sources=np.array([sources.get(row["image_path"], "catalogue") for row in table]),
    )


def read_catalogue(
    csv: Path,
    *,
    settings: PretrainSettings,
    folder: Path | None = None,
    val_csv: Path | None = None,
    val_pairs: Path | None = None,
    drawn: Sequence[Drawn] = (),
    progress: Progress = lambda items, _what: items,
) -> PretrainData:
    """Read everything and split it by product family.

    Rows that share a title or a near-identical picture with `val_csv` are excluded, so nothing
    that `val_pairs` measures was trained on. Pictures are looked up in `folder`, or beside the CSV.
    """
    if val_pairs is not None and val_csv is None:
        raise CatalogueError(
            "--val-pairs needs --val-csv, so that training can exclude its product families."
        )
    side, folder = settings.stored_side, folder or csv.parent
    rows = read_rows(csv, folder=folder, side=side, progress=progress)
    if val_csv is not None:
        val = read_rows(val_csv, folder=folder, side=side, progress=progress)
        rows = without_families_of(rows, val)
    if drawn:
        rows = joined([rows, drawn_rows(drawn, side=side, progress=progress)])
    train, held = split_by_family(rows, share=settings.held_out)
    if len(held) < 6 or len(train) < settings.batch_size:
        raise CatalogueError(
            f"{csv.name} has {len(rows)} usable rows: too few for a batch of "
            f"{settings.batch_size} and a held-out part."
        )
    data = PretrainData(
        train=rows.take(train),
        held_out=made_pairs(rows.take(held), seed=settings.seed, side=settings.image_size),
    )
    if val_csv is None or val_pairs is None:
        return data
    sources = {row["image_path"]: row["source"] for row in read_table(val_csv)}
    size = settings.image_size
    reported = read_pairs(val_pairs, folder=folder, sources=sources, side=size, progress=progress)
    return replace(data, reported=reported, reported_name=val_pairs.stem)
