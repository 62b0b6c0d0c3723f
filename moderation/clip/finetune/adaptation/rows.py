"""The pictures and texts of an adaptation, read once: listings, replayed pairs and decisions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from moderation.clip.backends.device import cpu_cores
from moderation.clip.data.product_rows import Rows, difference_hash
from moderation.clip.errors import ImageError, ModelError
from moderation.clip.finetune.data import LabelledPairs, Listings
from moderation.clip.pictures.images import open_image, to_rgb
from moderation.clip.pictures.preprocess import ImageTransform

if TYPE_CHECKING:
    from PIL import Image

Found = TypeVar("Found")

_CHUNK = 500  # pictures between two signs of life


@dataclass(frozen=True)
class Decided:
    """Decided pairs: pixels [m, s, s, 3] uint8, texts, labels [m] 1 match, 0 mismatch."""

    pixels: np.ndarray
    texts: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)


def listing_rows(
    listings: Listings,
    *,
    source: str,
    transform: ImageTransform,
    side: int,
    tell: Callable[[float], None] = lambda done: None,
) -> Rows:
    """The listings with pictures that can be opened; `source` names where all of them come from.

    `tell` gets the share that is read. Raises `ModelError` where none can be opened.
    """

    def load(path: Path) -> tuple[np.ndarray, int] | None:
        try:
            image = to_rgb(open_image(path, shortest_edge=side))
        except ImageError:
            return None
        return stored(image, transform=transform, side=side), difference_hash(image)

    loaded = _read(listings.images, load, tell=tell)
    good = [place for place, found in enumerate(loaded) if found is not None]
    if not good:
        raise ModelError(f"None of the {len(loaded):,} pictures of the {source} can be opened.")
    return Rows(
        texts=[listings.texts[place] for place in good],
        categories=[listings.categories[place] for place in good],
        sources=[source] * len(good),
        pixels=np.stack([found[0] for found in loaded if found is not None]),
        hashes=np.array([found[1] for found in loaded if found is not None], dtype=np.uint64),
    )


def decided_rows(
    pairs: LabelledPairs,
    *,
    transform: ImageTransform,
    side: int,
    tell: Callable[[float], None] = lambda done: None,
) -> Decided:
    return Decided(
        pixels=pictures(pairs.images, transform=transform, side=side, tell=tell),
        texts=pairs.texts,
        labels=np.asarray(pairs.labels),
    )


def pictures(
    paths: list[Path],
    *,
    transform: ImageTransform,
    side: int,
    tell: Callable[[float], None] = lambda done: None,
) -> np.ndarray:
    def load(path: Path) -> np.ndarray:
        return stored(to_rgb(open_image(path, shortest_edge=side)), transform=transform, side=side)

    found = _read(paths, load, tell=tell)
    return np.stack(found) if found else np.zeros((0, side, side, 3), np.uint8)


def _read(
    paths: list[Path], load: Callable[[Path], Found], *, tell: Callable[[float], None]
) -> list[Found]:
    """What `load` makes of each file, in order; chunk by chunk, so that `tell` can end it soon."""
    found: list[Found] = []
    with ThreadPoolExecutor(cpu_cores()) as pool:
        for start in range(0, len(paths), _CHUNK):
            tell(start / len(paths))
            found += pool.map(load, paths[start : start + _CHUNK])
    return found


def stored(image: Image.Image, *, transform: ImageTransform, side: int) -> np.ndarray:
    """[side, side, 3] uint8: what the model's preprocessor would show, a little larger."""
    from PIL import Image

    if transform.squash is None:  # the centre, as its crop takes it
        edge = min(image.size)
        left, top = (image.width - edge) // 2, (image.height - edge) // 2
        image = image.crop((left, top, left + edge, top + edge))
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
