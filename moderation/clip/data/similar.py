"""Which photos are copies of each other, and which of them one verdict may hold for.

Two listings are alike where all three hold:

- their photos have the same bytes, or look the same: 16 x 16 pixels that correlate by at least
  `grouping.ALIKE`, and vectors of the image tower with a cosine of at least `COSINE`. Of 2,861
  pairs of real photos whose pixels are alike, the vectors keep 1,042; of copies they lose 0 to 3%;
- their titles are the same (letters and digits, lower case). The cosine of two texts is no
  measure of it: with the bundled model a title with another brand lies closer (0.976) than one
  with its words turned round (0.959).

Candidates are found by a hash of 64 bits in four bands of 16: photos that share a band are
compared. The bits are the signs of the lowest frequencies of the photo's cosine transform, as in
pHash (Zauner 2010, "Implementation and Benchmarking of Perceptual Image Hash Functions"), but only
of those that are odd along an axis: most product photos show one thing in the middle of white, so
the even ones have the same sign nearly everywhere. The bands take turns in frequency.

`benchmarks/similar.py` measures all of it on real photos.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from moderation.clip.data.grouping import ALIKE, SIDE
from moderation.clip.data.product_rows import normalised

BANDS = 4
COSINE = 0.95
PROBES = 2

_BITS = 16
# Below this spread of brightness (levels of 255) a photo is one flat colour, and correlation noise.
_FLAT = 2.0


def title(text: str) -> str:
    """What makes two titles the same one; texts without a letter or digit are as they stand."""
    return normalised(text) or text


def bands(signature: np.ndarray) -> tuple[int, ...]:
    """The hash of a signature [768] uint8 (`grouping.signature`): four numbers below 65,536."""
    return tuple(_numbers(_heights(signature) > 0))


def probes(signature: np.ndarray) -> list[tuple[int, ...]]:
    """For each band the numbers under which copies stand: its own, and with the least sure bits.

    A bit that is near its limit is the first to turn over when a photo is cropped or compressed
    (Lv et al. 2007, "Multi-Probe LSH").
    """
    heights = _heights(signature)
    own = _numbers(heights > 0)
    unsure = np.argsort(np.abs(heights), axis=1)[:, :PROBES]
    turned = 1 << (_BITS - 1 - unsure)
    return [
        (band, *(band ^ int(bit) for bit in bits)) for band, bits in zip(own, turned, strict=True)
    ]


def look_alike(signature: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of the signatures [n, 768] correlate enough with this one [768]: bool [n]."""
    return np.asarray(_centred(others) @ _centred(signature[None])[0] >= ALIKE)


def _heights(signature: np.ndarray) -> np.ndarray:
    """[4, 16]: how strong each wave is in the photo, band by band."""
    return np.asarray((signature.astype(np.float64) @ _waves()).reshape(_BITS, BANDS).T)


def _numbers(bits: np.ndarray) -> list[int]:
    """[4, 16] bool as four numbers, the first bit the highest."""
    packed = np.packbits(bits, axis=1)
    return [int(high) << 8 | int(low) for high, low in packed]


@cache
def _waves() -> np.ndarray:
    """[768, 64]: the lowest odd frequencies over grey pixels, the lowest first."""
    steps = np.arange(SIDE)
    frequencies = [(u, v) for u in range(SIDE) for v in range(SIDE) if u % 2 or v % 2]
    frequencies.sort(key=lambda uv: (uv[0] ** 2 + uv[1] ** 2, uv))
    cosine = np.cos(np.pi * np.outer(steps, 2 * steps + 1) / (2 * SIDE))
    waves = [np.outer(cosine[u], cosine[v]) for u, v in frequencies[: BANDS * _BITS]]
    return np.repeat(np.stack([wave.ravel() for wave in waves], axis=1), 3, axis=0)


def _centred(signatures: np.ndarray) -> np.ndarray:
    """[n, 768] as unit vectors around their means; zero for one flat colour."""
    pixels = signatures.astype(np.float64)
    pixels -= pixels.mean(axis=1, keepdims=True)
    length = np.linalg.norm(pixels, axis=1, keepdims=True)
    flat = length <= _FLAT * np.sqrt(pixels.shape[1])
    return np.asarray(np.where(flat, 0.0, pixels / np.maximum(length, 1e-9)))
