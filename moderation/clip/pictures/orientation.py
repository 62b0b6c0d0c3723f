"""Which way up a photo is, as its EXIF says."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from PIL import ExifTags, Image

from moderation.clip.pictures.decode_errors import DECODE_ERRORS

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Where Pillow looks for it.
_SAID_IN = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")


def orientation(image: Image.Image) -> int:
    """1 to 8; 1 where EXIF says nothing that can be read: the picture is shown as it is stored."""
    with suppress(*DECODE_ERRORS):
        found = _number(image.getexif().get(ExifTags.Base.Orientation))
        return found if found in _TURNS else 1
    return 1


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says, which it carries no longer then."""
    turn = _TURNS.get(orientation(image))
    if turn is not None:
        image = image.transpose(turn)
    for key in _SAID_IN:
        image.info.pop(key, None)
    return image


def _number(value: Any) -> int:
    """EXIF wants a SHORT; some write a text, a byte, a fraction or a list of one instead."""
    if isinstance(value, tuple):
        value = value[0]
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        value = value.strip(b"\0 ")
        return value[0] if len(value) == 1 and value[0] in _TURNS else int(value)
    return int(value)
