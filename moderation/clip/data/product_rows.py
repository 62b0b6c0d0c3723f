"""What the bundled model learns from: true pairs, split by product family.

Rows are true pairs. Two rows are one family when they share a title or a (near-)identical
picture; families are held out whole. A source whose texts are mostly repeated ("Jacket laid
flat") has captions rather than titles: there only the picture makes a family.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True)
class Rows:
    """True pairs. pixels [n, side, side, 3] uint8; hashes [n] uint64 (dHash of the picture)."""

    texts: list[str]
    categories: list[str]
    sources: list[str]
    pixels: np.ndarray
    hashes: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, index: np.ndarray) -> Rows:
        """The rows at these positions."""
        return replace(
            self,
            texts=[self.texts[i] for i in index],
            categories=[self.categories[i] for i in index],
            sources=[self.sources[i] for i in index],
            pixels=self.pixels[index],
            hashes=self.hashes[index],
        )


@dataclass(frozen=True)
class Pairs:
    """Labelled pairs. pixels [n, s, s, 3] uint8 in the model's size; label 1 match, 0 mismatch."""

    pixels: np.ndarray
    image: np.ndarray  # [m] which picture
    texts: list[str]
    labels: np.ndarray
    kinds: np.ndarray  # match, random, hard or attribute
    sources: np.ndarray

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, chosen: np.ndarray) -> Pairs:
        """The pairs where `chosen` [m] is true; the pictures stay."""
        return replace(
            self,
            image=self.image[chosen],
            texts=[text for text, keep in zip(self.texts, chosen, strict=True) if keep],
            labels=self.labels[chosen],
            kinds=self.kinds[chosen],
            sources=self.sources[chosen],
        )


def normalised(text: str) -> str:
    """Lower case letters and digits only, one space between words."""
    return re.sub(r"\W+", " ", text.lower()).strip()


def squashed(image: Image.Image, side: int) -> np.ndarray:
    """The whole picture as [side, side, 3] uint8, as the model's own preprocessor makes it."""
    from PIL import Image

    return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))


def difference_hash(image: Image.Image) -> int:
    """64 bits: is each cell of a 9 x 8 grey thumbnail brighter than its left neighbour (dHash)."""
    from PIL import Image

    grey = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BILINEAR), dtype=np.int16)
    return int.from_bytes(np.packbits(grey[:, 1:] > grey[:, :-1]).tobytes(), "big")


def joined(parts: Sequence[Rows]) -> Rows:
    """Several sets of rows as one."""
    return Rows(
        texts=[text for part in parts for text in part.texts],
        categories=[category for part in parts for category in part.categories],
        sources=[source for part in parts for source in part.sources],
        pixels=np.concatenate([part.pixels for part in parts]),
        hashes=np.concatenate([part.hashes for part in parts]),
    )


def captioned_sources(rows: Rows) -> set[str]:
    """Sources in which fewer than half of the texts are distinct."""
    texts: dict[str, list[str]] = {}
    for source, text in zip(rows.sources, rows.texts, strict=True):
        texts.setdefault(source, []).append(normalised(text))
    return {source for source, found in texts.items() if len(set(found)) < len(found) / 2}


def without_families_of(rows: Rows, other: Rows) -> Rows:
    """`rows` less every row that shares a title or a picture hash with `other`.

    This is what keeps a family that quality is measured on out of training.
    """
    captioned = captioned_sources(rows)
    titles, hashes = {normalised(text) for text in other.texts}, set(other.hashes.tolist())
    keep = [
        found not in hashes and (source in captioned or normalised(text) not in titles)
        for text, source, found in zip(rows.texts, rows.sources, rows.hashes.tolist(), strict=True)
    ]
    return rows.take(np.flatnonzero(keep))


def families(rows: Rows) -> list[str]:
    """A name of each row's family: rows linked by title or picture hash, also through others."""
    captioned = captioned_sources(rows)
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    keys = []
    for text, source, found in zip(rows.texts, rows.sources, rows.hashes.tolist(), strict=True):
        picture = f"picture {found}"
        if source not in captioned:
            one, two = sorted((root(picture), root(f"title {normalised(text)}")))
            parent[two] = one
        keys.append(picture)
    return [root(key) for key in keys]


def split_by_family(rows: Rows, *, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the training rows and of the held-out rows, by a stable hash of the family."""
    held_out = np.array(
        [
            int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32 < share
            for name in families(rows)
        ]
    )
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def batches(
    sources: np.ndarray, *, size: int, shares: Mapping[str, float], rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Row numbers [size] of one batch after another, for ever; `sources` [n] names each row's.

    Each source has its part of every batch, as large as its number in `shares` says among all, and
    is gone through in a new order each time round.
    """
    names = sorted(shares)
    weight = np.array([shares[name] for name in names])
    ends = np.rint(np.cumsum(weight / weight.sum()) * size).astype(int)
    counts = np.diff(ends, prepend=0)
    streams = [_shuffled(np.flatnonzero(sources == name), rng=rng) for name in names]
    while True:
        yield np.array(
            [next(s) for s, count in zip(streams, counts, strict=True) for _ in range(count)]
        )


def _shuffled(rows: np.ndarray, *, rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from rng.permutation(rows)
