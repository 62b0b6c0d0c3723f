"""Open pictures that strangers sent: by content, whole, turned upright, and never a bomb.

Pillow's global switches (`MAX_IMAGE_PIXELS`, `LOAD_TRUNCATED_IMAGES`) are left alone, because they
are shared by all threads: the size is checked on the header, before a pixel is decoded.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from moderation.clip.errors import ImageError, ImageErrorCode
from moderation.clip.pictures import jpeg_scale, large_images

Source = str | Path | bytes | BinaryIO

MAX_PIXELS = 50_000_000
MAX_BYTES = 256 * 2**20

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
# What a hostile or damaged file makes Pillow's decoders raise.
_DECODE_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
)
# First bytes of picture types, at an offset: those we read, and those we can name when we refuse.
_ACCEPTED_MAGIC = ((0, b"\xff\xd8\xff"), (0, b"\x89PNG"), (0, b"GIF8"), (8, b"WEBP"))
_REFUSED_MAGIC = (
    (0, b"BM", "BMP"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"%PDF", "PDF"),
    (0, b"\x00\x00\x01\x00", "ICO"),
    (0, b"8BPS", "Photoshop"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyp", "HEIC or video"),
    (0, b"\x00\x00\x00\x0cjP", "JPEG 2000"),
    (0, b"\xff\x0a", "JPEG XL"),
)


def open_image(
    source: Source,
    *,
    shortest_edge: int | None = None,
    max_pixels: int = MAX_PIXELS,
    max_bytes: int = MAX_BYTES,
) -> Image.Image:
    """Decode a JPEG, PNG, WebP or GIF (first frame) to RGB: turned by EXIF, alpha on white.

    `shortest_edge` is the edge in pixels that the model will resize to; a large JPEG is then
    decoded at a reduced scale, see `jpeg_scale`, and other types are reduced, see `large_images`.
    Raises `ImageError`.
    """
    name = _name(source)
    with _opened(source, name, max_bytes) as file:
        image = _within(_identify(file, name), name, max_pixels)
        try:
            with large_images.decode_slot(image):
                return _decoded(image, shortest_edge)
        except _DECODE_ERRORS as error:
            raise _damaged(name) from error


def check_image(
    source: Source, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
) -> None:
    """Decode a picture only to see that it can be: nothing is kept, turned or converted.

    Takes a fraction of the memory of `open_image`. Raises `ImageError` as that does.
    """
    name = _name(source)
    with _opened(source, name, max_bytes) as file:
        image = _within(_identify(file, name), name, max_pixels)
        try:
            with large_images.decode_slot(image):
                image.draft(None, (1, 1))  # a JPEG is read to its end also at an eighth of its size
                image.load()
        except _DECODE_ERRORS as error:
            raise _damaged(name) from error


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture somebody opened already, made like one of `open_image`; it is left as it is."""
    try:
        return _to_rgb(_upright(image.copy()))
    except _DECODE_ERRORS as error:
        raise _error("truncated", "The image is damaged or cut off; send it again.") from error


def _decoded(image: Image.Image, shortest_edge: int | None) -> Image.Image:
    box, factor = None, 1
    jpeg = image.format in ("JPEG", "MPO")
    if jpeg and shortest_edge is not None:
        box = jpeg_scale.scale_down(image, shortest_edge, orientation=_orientation(image))
    image.load()
    if not jpeg and shortest_edge is not None:
        turned = _orientation(image)  # of a PNG it is known only now
        factor, box = large_images.reduction(image, shortest_edge, orientation=turned)
    if large_images.is_large(image):
        upright = _upright(large_images.in_bands(image, _to_rgb, factor=factor))
    else:
        upright = _to_rgb(_upright(image))
    if box is not None:
        upright.info[jpeg_scale.CONTENT_BOX] = box
    return upright


def _within(image: Image.Image, name: str, max_pixels: int) -> Image.Image:
    width, height = image.size
    if width * height > max_pixels:
        raise _error(
            "too_many_pixels",
            f"{name} has {width} x {height} pixels; at most {max_pixels:,} are accepted, "
            "send a smaller picture.",
        )
    return image


def _damaged(name: str) -> ImageError:
    return _error(
        "truncated", f"{name} is damaged or cut off and cannot be decoded; send it again."
    )


def _error(code: ImageErrorCode, message: str) -> ImageError:
    return ImageError(message, code=code)


def _name(source: Source) -> str:
    if isinstance(source, str | Path):
        return f"The image {Path(source).name or source}"
    return "The image"


@contextmanager
def _opened(source: Source, name: str, max_bytes: int) -> Iterator[BinaryIO]:
    """Yield a seekable file at its start, and close it if we opened it."""
    if isinstance(source, bytes):
        _check_size(len(source), name, max_bytes)
        yield BytesIO(source)
        return
    if not isinstance(source, str | Path):
        yield _seekable(source, name, max_bytes)
        return
    try:
        path = Path(source)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            # A pipe would block for ever; a folder has no bytes.
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise _error("not_an_image", f"{name} is {kind}; give the path of an image file.")
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise _error("missing", f"{name} does not exist; check its path.") from error
    except OSError as error:
        raise _error(
            "missing", f"{name} cannot be read ({error.strerror}); check its path and rights."
        ) from error
    with file:
        _check_size(status.st_size, name, max_bytes)
        yield file


def _seekable(file: BinaryIO, name: str, max_bytes: int) -> BinaryIO:
    try:
        size = file.seek(0, 2)
        file.seek(0)
    except (OSError, AttributeError, ValueError):
        data = file.read(max_bytes + 1)
        _check_size(len(data), name, max_bytes)
        return BytesIO(data)
    _check_size(size, name, max_bytes)
    return file


def _check_size(size: int, name: str, max_bytes: int) -> None:
    if size == 0:
        raise _error("empty", f"{name} is empty (0 bytes); send the picture again.")
    if size > max_bytes:
        raise _error(
            "too_large",
            f"{name} has {size:,} bytes; at most {max_bytes:,} are accepted, send a smaller file.",
        )


def _identify(file: BinaryIO, name: str) -> Image.Image:
    try:
        return Image.open(file, formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise _error(
            "too_many_pixels", f"{name} has far too many pixels; send a smaller picture."
        ) from error
    except (UnidentifiedImageError, *_DECODE_ERRORS) as error:
        file.seek(0)
        raise _unidentified(file.read(32), name) from error


def _unidentified(head: bytes, name: str) -> ImageError:
    if any(head[at : at + len(magic)] == magic for at, magic in _ACCEPTED_MAGIC):
        return _error("truncated", f"{name} is damaged or cut off; send it again.")
    for at, magic, kind in _REFUSED_MAGIC:
        if head[at : at + len(magic)] == magic:
            return _error(
                "unsupported_type",
                f"{name} is of type {kind}; only JPEG, PNG, WebP and GIF are accepted.",
            )
    return _error("not_an_image", f"{name} is not an image; send a JPEG, PNG, WebP or GIF file.")


def _orientation(image: Image.Image) -> int:
    with suppress(*_DECODE_ERRORS):
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    return 1


def _upright(image: Image.Image) -> Image.Image:
    # Damaged EXIF says nothing about the pixels: then the picture is shown as it is stored.
    with suppress(*_DECODE_ERRORS):
        ImageOps.exif_transpose(image, in_place=True)
    return image


def _to_rgb(image: Image.Image) -> Image.Image:
    """A plain RGB image that no longer depends on the file it came from."""
    if image.mode.startswith("I"):
        # 16-bit greyscale: Pillow's own conversion clips at 255 instead of scaling.
        return image.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")
