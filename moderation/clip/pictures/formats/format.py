"""What all types of picture files have in common, and what each must say of itself.

A small file can make a decoder work for minutes: by scans that each go over the whole picture, or
by parts beside the picture that are unpacked one by one. So a file is walked through once, before
anything is decoded: what does not make the (first) picture is left out, the rest is counted.
`benchmarks/decoders.py` measures that what passes takes less than a second of a core.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from moderation.clip.errors import ImageError, ImageErrorCode

FORMATS: list[Format] = []

# Segments, chunks or blocks of a file; each costs some microseconds. libpng divides a picture into
# chunks of 8 KB, a profile in a GIF has blocks of 255 bytes: that is 400 and 12 MB.
MOST_PARTS = 50_000
# What holds the orientation: the most that a JPEG's segment can hold. Of more none is read.
MOST_EXIF = 65_535
# Outside JPEGs the work is in the bytes that the rows unpack to: three, red, green and blue, for
# each of as many pixels as any picture may have. Of a picture with more a pixel there may be fewer.
_RGB = 24
_MOST_PIXELS = 50_000_000


class Format(ABC):
    """One type of picture file."""

    name: ClassVar[str]
    suffix: ClassVar[str]
    _magic: ClassVar[bytes]
    _at: ClassVar[int]

    def __init_subclass__(cls, *, name: str, suffix: str, magic: bytes, at: int = 0) -> None:
        """`suffix` is the usual ending of a file's name; `magic` stands `at` this offset."""
        cls.name, cls.suffix, cls._magic, cls._at = name, suffix, magic, at
        FORMATS.append(cls())

    def fits(self, head: bytes) -> bool:
        """Whether a file that begins so is of this type."""
        return head.startswith(self._magic, self._at)

    @abstractmethod
    def picture_only(self, data: bytes, *, name: str, max_pixels: int) -> bytes:
        """The file with what makes its (first) picture, and how to show it, alone.

        It may be damaged or cut off, and is as much so then. `name` begins the sentence of an
        `ImageError`, which is raised where decoding would take too long. `max_pixels` are checked
        elsewhere: how much work each of them may be is said here.
        """

    def refused(
        self, name: str, what: str, *, code: ImageErrorCode = "too_much_work"
    ) -> ImageError:
        """The error for a file that `what` is wrong with."""
        return ImageError(f"{name} {what}; save it anew as an ordinary {self.name}.", code=code)

    def check_pixels(
        self, name: str, size: tuple[int, int], bits: int, *, passes: int, max_pixels: int
    ) -> None:
        """Raise an `ImageError` for too many pixels of so many bits.

        `passes` are those over all pixels beside unpacking, each as much work as eight bits.
        """
        most = _RGB * max(_MOST_PIXELS, max_pixels) // max(1, bits + 8 * passes)
        if size[0] * size[1] > most:
            raise ImageError(
                f"{name} has {size[0]} x {size[1]} pixels of {bits} bits; at most {most:,} such "
                "are accepted, send a smaller picture.",
                code="too_many_pixels",
            )
