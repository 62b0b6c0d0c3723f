"""Keep the memory of large pictures small: few decoded at once, the rest of the work in bands.

A file of some hundred kilobytes can hold millions of pixels. Decoded they need four bytes each, and
each further step (alpha, turning) would need as much again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image

from moderation.clip.backends.core_count import cpu_cores
from moderation.clip.pictures.jpeg_scale import LEAST, MARGIN, Box, upright_box

# Pixels from which a picture counts as large; smaller ones are left as they are.
LARGE = 2_000_000
_BAND = 500_000  # pixels that are worked on at a time

_slots = threading.BoundedSemaphore(cpu_cores())


def _new_slots() -> None:
    global _slots
    _slots = threading.BoundedSemaphore(cpu_cores())


# A thread that held a slot while the process forked does not exist in the child.
os.register_at_fork(after_in_child=_new_slots)


def is_large(image: Image.Image) -> bool:
    return image.width * image.height >= LARGE


@contextmanager
def decode_slot(image: Image.Image) -> Iterator[None]:
    """Wait until fewer large pictures than cores are being decoded in this process."""
    if not is_large(image):
        yield
        return
    slots = _slots
    with slots:
        yield


def reduction(
    image: Image.Image, shortest_edge: int, *, orientation: int = 1
) -> tuple[int, Box | None]:
    """How many times smaller a picture may be made, and its content box once upright.

    `shortest_edge` is what the model needs, in pixels; `orientation` is EXIF's. The margin is that
    of `jpeg_scale`. The box is None where it is the whole picture.
    """
    factor = min(image.size) // max(shortest_edge * MARGIN, LEAST)
    if factor < 2 or not is_large(image):
        return 1, None
    # A last, partly filled row or column is the mean of the pixels that are there.
    reduced = (-(-image.width // factor), -(-image.height // factor))
    content = (image.width / factor, image.height / factor)
    return factor, upright_box(reduced, content=content, orientation=orientation)


def in_bands(
    image: Image.Image, convert: Callable[[Image.Image], Image.Image], *, factor: int = 1
) -> Image.Image:
    """The picture by `convert` (to RGB), then `factor` times smaller; its `info` is kept."""
    size = (-(-image.width // factor), -(-image.height // factor))
    result = Image.new("RGB", size)
    rows = max(1, _BAND // image.width // factor) * factor
    for top in range(0, image.height, rows):
        band = convert(image.crop((0, top, image.width, min(top + rows, image.height))))
        result.paste(band.reduce(factor) if factor > 1 else band, (0, top // factor))
    # What is transparent has become white.
    result.info = {key: value for key, value in image.info.items() if key != "transparency"}
    return result
