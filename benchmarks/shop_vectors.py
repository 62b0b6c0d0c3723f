"""Vectors of a made shop's photos and texts, encoded once and kept in a file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BUNDLED = Path(__file__).parent.parent / "moderation" / "clip" / "bundled"


@dataclass(frozen=True)
class Shop:
    """n listings: unit vectors of photo and text, and what only simulated moderators may know."""

    images: np.ndarray  # [n, d] float32
    texts: np.ndarray  # [n, d] float32
    wrong: np.ndarray  # [n] bool: the text is not this photo's
    categories: np.ndarray  # [n] str
    ids: np.ndarray  # [n] str
    words: np.ndarray  # [n] str: the texts themselves
    paths: np.ndarray  # [n] str: the photos' paths in the catalogue

    def __len__(self) -> int:
        return len(self.wrong)

    @property
    def similarities(self) -> np.ndarray:
        """Cosine of each listing, [n]."""
        return np.einsum("nd,nd->n", self.images, self.texts)

    def take(self, index: np.ndarray) -> Shop:
        """The listings at these positions (or where this mask is true)."""
        return Shop(
            *(self.images[index], self.texts[index], self.wrong[index]),
            *(self.categories[index], self.ids[index], self.words[index], self.paths[index]),
        )


def load(tables: Sequence[Path], *, catalogue: Path, cache: Path, model: Path = BUNDLED) -> Shop:
    """The listings of these CSVs as `model` sees them; `cache` (.npz) spares the encoding."""
    rows = [row for table in tables for row in _rows(table)]
    wrong = np.array([row["label"] == "0" for row in rows])
    ids = np.array([f"{row.get('source', '')}-{number}" for number, row in enumerate(rows)])
    categories = np.array([row.get("category", "") for row in rows])
    if not cache.is_file():
        images, texts = _encode(rows, catalogue=catalogue, model=model)
        np.savez(cache, images=images, texts=texts)
    with np.load(cache) as kept:
        images, texts = kept["images"], kept["texts"]
    if len(images) != len(rows):
        raise SystemExit(f"{cache} is of other tables; delete it or name another file.")
    words, paths = (np.array([row[name] for row in rows]) for name in ("text", "image_path"))
    return Shop(
        *(images.astype(np.float32), texts.astype(np.float32), wrong),
        *(categories, ids, words, paths),
    )


def _rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _encode(
    rows: list[dict[str, str]], *, catalogue: Path, model: Path
) -> tuple[np.ndarray, np.ndarray]:
    from moderation.clip.encoder import Encoder
    from moderation.clip.errors import ImageError

    encoder = Encoder.load(model)
    images = encoder.encode_files([catalogue / row["image_path"] for row in rows])
    if broken := sum(isinstance(vector, ImageError) for vector in images):
        raise SystemExit(f"{broken} pictures of {catalogue} cannot be opened; restore it.")
    return np.stack(images), encoder.encode_texts([row["text"] for row in rows])  # type: ignore[arg-type]
