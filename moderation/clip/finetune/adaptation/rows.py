"""The pictures and texts of an adaptation, read once: listings, replayed pairs and decisions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from moderation.clip.backends.core_count import cpu_cores
from moderation.clip.data.product_rows import Rows, difference_hash, squashed
from moderation.clip.errors import ImageError, ModelError
from moderation.clip.finetune.data import LabelledPairs, Listings
from moderation.clip.pictures.images import open_image, to_rgb
from moderation.clip.pictures.preprocess import ImageTransform

if TYPE_CHECKING:
    from PIL import Image

Found = TypeVar("Found")
Tell = Callable[[float], None]  # gets the share that is read, and may raise to stop

_CHUNK = 500  # pictures between two heartbeats


@dataclass(frozen=True)
class Decided:
    """Decided pairs: pixels [m, s, s, 3] uint8, texts, labels [m] 1 match, 0 mismatch."""

    pixels: np.ndarray
    texts: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True)
class PictureReader:
    """Reads pictures as [side, side, 3] uint8: what the model would be shown, a little larger."""

    transform: ImageTransform
    side: int

    def listings(self, listings: Listings, *, source: str, tell: Tell) -> Rows:
        """The listings with pictures that can be opened; `source` names where all come from.

        Raises `ModelError` where none can be opened.
        """

        def load(path: Path) -> tuple[np.ndarray, int] | None:
            try:
                image = self._opened(path)
            except ImageError:
                return None
            return self._stored(image), difference_hash(image)

        loaded = _read(listings.images, load, tell=tell)
        found = [one for one in loaded if one is not None]
        if not found:
            raise ModelError(f"None of the {len(loaded):,} pictures of the {source} can be opened.")
        good = listings.take(np.array([i for i, one in enumerate(loaded) if one is not None]))
        return Rows(
            texts=good.texts,
            categories=good.categories,
            sources=[source] * len(good),
            pixels=np.stack([pixels for pixels, _hash in found]),
            hashes=np.array([number for _pixels, number in found], dtype=np.uint64),
        )

    def decided(self, pairs: LabelledPairs, *, tell: Tell) -> Decided:
        """The decided pairs. Raises `ImageError`."""
        pixels = self.pictures(pairs.images, tell=tell)
        return Decided(pixels, pairs.texts, np.asarray(pairs.labels))

    def pictures(self, paths: list[Path], *, tell: Tell) -> np.ndarray:
        """Pictures [n, side, side, 3] of these files. Raises `ImageError`."""
        found = _read(paths, lambda path: self._stored(self._opened(path)), tell=tell)
        return np.stack(found) if found else np.zeros((0, self.side, self.side, 3), np.uint8)

    def _opened(self, path: Path) -> Image.Image:
        return to_rgb(open_image(path, shortest_edge=self.side))

    def _stored(self, image: Image.Image) -> np.ndarray:
        if self.transform.squash is None:  # the centre, as the model's own crop takes it
            edge = min(image.size)
            left, top = (image.width - edge) // 2, (image.height - edge) // 2
            image = image.crop((left, top, left + edge, top + edge))
        return squashed(image, self.side)


def _read(paths: list[Path], load: Callable[[Path], Found], *, tell: Tell) -> list[Found]:
    """What `load` makes of each file, in order; chunk by chunk, so that `tell` can end it soon."""
    found: list[Found] = []
    with ThreadPoolExecutor(cpu_cores()) as pool:
        for start in range(0, len(paths), _CHUNK):
            tell(start / len(paths))
            found += pool.map(load, paths[start : start + _CHUNK])
    return found
