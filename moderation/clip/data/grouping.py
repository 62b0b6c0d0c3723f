"""Which rows must never be split over the parts of a data set: groups by photo and by title.

Three things link two rows, also through others:

- the same bytes of the photo;
- a near-duplicate photo: both reduced to 16 x 16 pixels correlate by at least 0.99. Hashes of 64
  bits fail on catalogues, where most photos show one thing in the middle of white: with dHash at a
  distance of 2 nearly half of the real catalogue falls into one group. Colours take part, so the
  blue and the red version of a shirt stay two photos;
- the same title: letters and digits in lower case. A title of more than 20 photos ("Jacket laid
  flat") is a caption: it names a kind of product and no product, and links nothing.

`benchmarks/grouping.py` measures both rules on real photos.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.data.product_rows import normalised

if TYPE_CHECKING:
    from PIL import Image

SIDE = 16
ALIKE = 0.99
PHOTOS_PER_TITLE = 20
RULE = (
    f"same photo bytes; photos that correlate by {ALIKE} or more at {SIDE} x {SIDE} pixels; "
    f"same title (letters and digits, lower case), where at most {PHOTOS_PER_TITLE} photos share it"
)

_SIZE = SIDE * SIDE * 3
# Unit vectors that correlate by r lie sqrt(2 - 2r) apart, and no projection takes them further.
_RADIUS = float(np.sqrt(2 - 2 * ALIKE)) + 1e-3
# Below this spread of brightness (levels of 255) a photo is one flat colour, and correlation noise.
_FLAT = 2.0
_BLOCK = 256
_PAIRS = 4096


def signature(image: Image.Image) -> np.ndarray:
    """A photo as [768] uint8: 16 x 16 pixels in RGB, whatever its size."""
    from PIL import Image

    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.uint8).ravel()


def groups(
    *,
    images: Sequence[str],
    signatures: np.ndarray | None,
    titles: Sequence[str],
    products: Sequence[str] = (),
) -> list[int]:
    """For each of n rows the position of the first row of its group.

    `images` names each row's photo by the hash of its bytes; `signatures` [n, 768] uint8. Where
    none are at hand, near-duplicates stay unknown.
    `products`, where known, link too: a listing that was changed is the same listing.
    """
    links = _Links(len(images))
    known: dict[str, int] = {}
    for row, product in enumerate(products):
        links.join(known.setdefault(product, row), row)
    first: dict[str, int] = {}
    for row, image in enumerate(images):
        links.join(first.setdefault(image, row), row)
    if signatures is not None:
        distinct = np.array(sorted(first.values()), dtype=np.int64)
        _join_near_duplicates(links, distinct, signatures)
    _join_titles(links, images, titles)
    return [links.root(row) for row in range(len(images))]


class _Links:
    """Rows joined into groups; the first row of a group stands for it."""

    def __init__(self, count: int) -> None:
        self.parent = list(range(count))

    def root(self, row: int) -> int:
        while self.parent[row] != row:
            self.parent[row] = self.parent[self.parent[row]]
            row = self.parent[row]
        return row

    def join(self, one: int, two: int) -> None:
        one, two = sorted((self.root(one), self.root(two)))
        self.parent[two] = one


def _join_titles(links: _Links, images: Sequence[str], titles: Sequence[str]) -> None:
    rows: dict[str, list[int]] = {}
    for row, title in enumerate(titles):
        rows.setdefault(normalised(title), []).append(row)
    for title, sharing in rows.items():
        if title and len({images[row] for row in sharing}) <= PHOTOS_PER_TITLE:
            for row in sharing[1:]:
                links.join(sharing[0], row)


def _join_near_duplicates(links: _Links, rows: np.ndarray, signatures: np.ndarray) -> None:
    """Join the near-duplicates among `rows` [m], whose photos differ in their bytes."""
    photos = _Photos.varied(signatures[rows])
    rows = rows[photos.rows]
    if len(rows) < 2:
        return
    for one, two in _candidates(_coarse(photos)):
        for start in range(0, len(one), _PAIRS):
            i, j = one[start : start + _PAIRS], two[start : start + _PAIRS]
            apart = [
                links.root(a) != links.root(b)
                for a, b in zip(rows[i].tolist(), rows[j].tolist(), strict=True)
            ]
            i, j = i[apart], j[apart]
            alike = _alike(photos, i, photos, j)
            for a, b in zip(rows[i[alike]].tolist(), rows[j[alike]].tolist(), strict=True):
                links.join(a, b)


@dataclass(frozen=True)
class _Photos:
    """The photos of some signatures that are more than one flat colour."""

    rows: np.ndarray  # [m] where they stand among the signatures
    pixels: np.ndarray  # [m, 768]
    total: np.ndarray  # [m]
    spread: np.ndarray  # [m]

    @classmethod
    def varied(cls, pixels: np.ndarray) -> _Photos:
        total = pixels.sum(axis=1, dtype=np.int64)
        spread = _SIZE * np.einsum("ij,ij->i", pixels, pixels, dtype=np.int64) - total**2
        rows = np.flatnonzero(spread > (_FLAT * _SIZE) ** 2)
        return cls(rows, pixels[rows], total[rows], spread[rows])


def near_duplicates(signatures: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of the photos [n, 768] have a near-duplicate among the others [m, 768]: bool [n]."""
    found = np.zeros(len(signatures), dtype=bool)
    photos, known = _Photos.varied(signatures), _Photos.varied(others)
    own, points = _coarse(photos), _coarse(known)
    for start in range(0, len(own), _BLOCK):
        near = own[start : start + _BLOCK] @ points.T
        squares = (own[start : start + _BLOCK] ** 2).sum(axis=1)[:, None] + (points**2).sum(axis=1)
        one, two = np.nonzero(squares - 2 * near <= _RADIUS**2 + 1e-4)
        for at in range(0, len(one), _PAIRS):
            i, j = one[at : at + _PAIRS] + start, two[at : at + _PAIRS]
            found[photos.rows[i[_alike(photos, i, known, j)]]] = True
    return found


def _alike(one: _Photos, i: np.ndarray, two: _Photos, j: np.ndarray) -> np.ndarray:
    """Which pairs of photos correlate enough: whole numbers to the end, so on every machine."""
    product = np.einsum("ij,ij->i", one.pixels[i], two.pixels[j], dtype=np.int64)
    together = _SIZE * product - one.total[i] * two.total[j]
    alike = together >= ALIKE * np.sqrt(one.spread[i].astype(float) * two.spread[j])
    return np.asarray(alike)


def _coarse(photos: _Photos) -> np.ndarray:
    """[m, 48] float32: the photos as unit vectors, projected onto means of 4 x 4 pixels."""
    pixels, total, spread = photos.pixels, photos.total, photos.spread
    blocks = np.empty((len(pixels), 48), dtype=np.float32)
    for start in range(0, len(pixels), _BLOCK):
        part = slice(start, start + _BLOCK)
        square = pixels[part].reshape(-1, 4, 4, 4, 4, 3).sum(axis=(2, 4), dtype=np.int64)
        centred = square.reshape(-1, 48) - total[part, None] * 16 / _SIZE
        blocks[part] = centred / 4 * np.sqrt(_SIZE / spread[part].astype(float))[:, None]
    return blocks


def _candidates(points: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of positions that lie within the radius; none is missed.

    The points are sorted along the direction in which they differ most: what is further ahead in
    it than the radius need not be looked at.
    """
    centred = points - points.mean(axis=0)
    ahead = centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]
    order = np.argsort(ahead, kind="stable")
    points, ahead = points[order], ahead[order]
    squares, ones = np.einsum("ij,ij->i", points, points)[:, None], np.ones((len(points), 1))
    # The squared distance as one product: |a|^2 + |b|^2 - 2ab = (-2a, |a|^2, 1) (b, 1, |b|^2).
    left = np.hstack([-2 * points, squares, ones]).astype(np.float32)
    right = np.hstack([points, ones, squares]).astype(np.float32)
    for start in range(0, len(points), _BLOCK):
        stop = min(start + _BLOCK, len(points))
        end = int(np.searchsorted(ahead, ahead[stop - 1] + _RADIUS, side="right"))
        found = np.flatnonzero(left[start:stop] @ right[start:end].T <= _RADIUS**2)
        one, two = np.divmod(found, end - start)
        later = two > one
        yield order[one[later] + start], order[two[later] + start]
