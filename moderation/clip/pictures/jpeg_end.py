"""JPEGs without an end mark: cut off in their picture, or whole but for the mark.

Browsers show both, and so does libjpeg once it is given a mark: what is missing is grey then.
How much is there shows in two decodings that differ only in what follows the file's end: they are
the same up to where the picture breaks off.
"""

from __future__ import annotations

import random
from io import BytesIO
from typing import IO, BinaryIO, cast

import numpy as np
from PIL import Image

# From this share of its picture on, a photo counts as whole: the rest is a strip at its lower edge.
LEAST = 0.95
_END = b"\xff\xd9"
_SCAN = b"\xff\xda"
_FRAMES = tuple(bytes([0xFF, 0xC0 + number]) for number in range(16) if number not in (4, 8, 12))
_COEFFICIENTS = 64


def _noise() -> bytes:
    """What no picture goes on with: bytes that decode to something, before each restart mark.

    The first belongs to an 0xFF that the file may end with, so that both are no marker.
    """
    seeded = random.Random(0)
    parts = (bytes(seeded.randrange(0xFF) for _ in range(128)) for _ in range(9))
    marks = [*(bytes([0xFF, 0xD0 + number]) for number in range(8)), b""]
    return b"\0" + b"".join(part + mark for part, mark in zip(parts, marks, strict=True))


class Ended:
    """A JPEG's open file, followed by an end mark: Pillow asks for it only where there is none."""

    def __init__(self, file: BinaryIO, *, before: bytes = b"") -> None:
        self._file = file
        self._tail = BytesIO(before + _END)

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size) or self._tail.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._tail.seek(0)
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    @property
    def was_needed(self) -> bool:
        """Whether the picture was decoded beyond the end of the file."""
        return self._tail.tell() > 0

    def share(self) -> float:
        """How much of the picture the file holds, from 0 to 1."""
        if not _all_scans_begun(self._whole()):
            return 0.0
        alone, followed = (_pixels(Ended(self._file, before=noise)) for noise in (b"", _noise()))
        differs = np.flatnonzero((alone != followed).any(axis=1))
        return float(differs[0] / len(alone)) if len(differs) else 1.0

    def _whole(self) -> bytes:
        self._file.seek(0)
        return self._file.read()


def _pixels(file: Ended) -> np.ndarray:
    """[pixels, bands], as they are stored line by line, at the least size that shows a difference.

    That is an eighth; of a progressive picture half, since its details come in scans of their own.
    """
    file.seek(0)
    with Image.open(cast(IO[bytes], file), formats=("JPEG",)) as image:
        part = 2 if "progressive" in image.info else 8
        image.draft(None, (max(1, image.width // part), max(1, image.height // part)))
        return np.asarray(image).reshape(image.width * image.height, -1)


def _all_scans_begun(data: bytes) -> bool:
    """Whether every coefficient of every component has its last bit in a scan that has begun.

    A progressive picture comes in several; without the later ones it is blurred all over.
    """
    components, at = _header(data)
    precise = set()
    while at >= 0:
        count = int.from_bytes(data[at + 4 : at + 5])
        names, rest = data[at + 5 : at + 5 + 2 * count : 2], data[at + 5 + 2 * count :][:3]
        if len(rest) == 3 and not rest[2] & 0x0F:  # the bits that a later scan brings
            places = range(rest[0], rest[1] + 1)
            precise |= {(name, place) for name in names for place in places}
        at = data.find(_SCAN, at + 2)
    return len(precise) >= _COEFFICIENTS * components > 0


def _header(data: bytes) -> tuple[int, int]:
    """The number of components, and where the first scan begins (-1: nowhere).

    Segments are stepped over: a thumbnail inside one has scans of its own.
    """
    components, at = 0, 2
    while (marker := data[at : at + 2]) != _SCAN:
        if len(marker) < 2:
            return components, -1
        if marker in _FRAMES:
            components = int.from_bytes(data[at + 9 : at + 10])
        at += 1 if marker == b"\xff\xff" else 2 + int.from_bytes(data[at + 2 : at + 4])
    return components, at
