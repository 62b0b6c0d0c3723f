"""Decode a large JPEG at 1/2, 1/4 or 1/8 of its size, and remember where its content lies.

The decoder rounds the size up: at 1/8, 1500 pixels become 188, of which 187.5 hold the picture.
Resizing all 188 would shift the content by a visible part of a pixel, so the exact box goes along.
"""

from __future__ import annotations

from PIL import Image

# Where the content box (left, top, right, bottom) stands in `Image.info`, if it is not the whole.
CONTENT_BOX = "content_box"
# The decoded picture keeps at least this many times the edge that the model needs, and this many
# pixels: the fewer pixels a model sees, the more each of them weighs. Measured so that no cosine
# moves by more than 0.002 on photos with ViT-B/32, nor any model's vector by more than one grey
# level of noise moves it (tests/clip/pictures/test_jpeg_scale.py).
MARGIN = 3
LEAST = 400

Box = tuple[float, float, float, float]

# For each EXIF orientation: the stored side (0 left, 1 top, 2 right, 3 bottom) that becomes the
# left, top, right and bottom side of the upright picture.
_SIDES = {
    2: (2, 1, 0, 3),
    3: (2, 3, 0, 1),
    4: (0, 3, 2, 1),
    5: (1, 0, 3, 2),
    6: (3, 0, 1, 2),
    7: (3, 2, 1, 0),
    8: (1, 2, 3, 0),
}


def scale_down(image: Image.Image, shortest_edge: int, *, orientation: int = 1) -> Box | None:
    """Set an undecoded JPEG to its smallest fitting scale; its content box once upright.

    `shortest_edge` is what the model needs, in pixels; `orientation` is EXIF's. None where the box
    is the whole picture.
    """
    width, height = image.size
    edge, shorter = max(shortest_edge * MARGIN, LEAST), min(image.size)
    if shorter < 2 * edge:
        return None
    # Pillow picks the largest power of two that keeps both sides at or above this size.
    scaled = image.draft(None, (width * edge // shorter, height * edge // shorter))
    if scaled is None:
        return None
    _, (_, _, *content) = scaled
    return upright_box(image.size, content=(content[0], content[1]), orientation=orientation)


def upright_box(
    size: tuple[int, int], *, content: tuple[float, float], orientation: int
) -> Box | None:
    """The content box, once turned by EXIF, of a picture that holds its content at the top left.

    `size` and `content` are (width, height) in pixels as stored. None where both are the same.
    """
    empty = (0.0, 0.0, size[0] - content[0], size[1] - content[1])
    if not any(empty):
        return None
    left, top, right, bottom = (empty[side] for side in _SIDES.get(orientation, (0, 1, 2, 3)))
    width, height = size if orientation < 5 else (size[1], size[0])
    return left, top, width - right, height - bottom


def content_box(image: Image.Image) -> Box:
    """The part of the picture that holds its content, in pixels."""
    return image.info.get(CONTENT_BOX) or (0, 0, *image.size)
