"""Open pictures that strangers sent: by content, whole, turned upright, and never a bomb.

What was sent is read by `sources`; its bytes become pixels by a decoder, which is `pillow` unless
another is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol

from PIL import Image

from moderation.clip.errors import ImageError, Unread
from moderation.clip.pictures import pillow
from moderation.clip.pictures.pillow import suffix, to_rgb
from moderation.clip.pictures.sources import MAX_BYTES, Source, fault_of, name_of, opened, unread

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "Decoder",
    "Source",
    "check_image",
    "open_image",
    "suffix",
    "to_rgb",
]

MAX_PIXELS = 50_000_000


class Decoder(Protocol):
    """Who turns the bytes of a file into pixels."""

    def __call__(
        self, file: BinaryIO, *, name: str, shortest_edge: int | None, max_pixels: int
    ) -> Image.Image:
        """An upright RGB picture. `name` begins the sentences of an `ImageError`.

        `shortest_edge` is the edge in pixels that the model will resize to: a picture may come
        smaller than it is, as long as it is larger than that. A file of more than `max_pixels` is
        refused before any is decoded.
        """


def open_image(
    source: Source,
    *,
    shortest_edge: int | None = None,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
    decode: Decoder = pillow.decode,
) -> Image.Image:
    """Decode a JPEG, PNG, WebP or GIF (first frame) to RGB: turned by EXIF, alpha on white.

    `shortest_edge` is the edge in pixels that the model will resize to; a large JPEG is then
    decoded at a reduced scale, see `jpeg_scale`, and other types are reduced, see `large_images`.
    Raises `ImageError`, as `Unread` where a disk gives up while it is read.
    """
    name = name_of(source)
    with _faults_told(name), opened(source, max_bytes=max_bytes) as file:
        return decode(file, name=name, shortest_edge=shortest_edge, max_pixels=max_pixels)


def check_image(
    source: Source, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> None:
    """Decode a picture only to see that it can be: nothing is kept, turned or converted.

    Takes a fraction of the memory of `open_image`. Raises `ImageError` as that does.
    """
    name = name_of(source)
    with _faults_told(name), opened(source, max_bytes=max_bytes) as file:
        pillow.check(file, name=name, max_pixels=max_pixels)


@contextmanager
def _faults_told(name: str) -> Iterator[None]:
    """What a disk or network does while a file is read is no fault of the picture."""
    try:
        yield
    except (ImageError, OSError) as error:
        if not isinstance(error, Unread) and (fault := fault_of(error)):
            raise unread(name, fault) from error
        raise
