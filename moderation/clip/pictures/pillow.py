"""The decoder that is Pillow: file types by content, JPEGs at a reduced scale, no more than asked.

Pillow's global switches (`MAX_IMAGE_PIXELS`, `LOAD_TRUNCATED_IMAGES`) are left alone, because they
are shared by all threads: the size is checked on the header, before a pixel is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO, BinaryIO, cast

from PIL import Image, UnidentifiedImageError

from moderation.clip.errors import ImageError
from moderation.clip.pictures import formats, jpeg_end, jpeg_scale, large_images
from moderation.clip.pictures.decode_errors import DECODE_ERRORS
from moderation.clip.pictures.orientation import orientation, upright

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_Content = BinaryIO | jpeg_end.Ended
# First bytes of picture types that we can name when we refuse them, at an offset.
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


def decode(file: BinaryIO, *, name: str, shortest_edge: int | None, max_pixels: int) -> Image.Image:
    """See `images.Decoder`. JPEG, PNG, WebP and GIF (first frame); alpha becomes white."""
    with _undecoded(file, name, max_pixels) as image:
        return _decoded(image, shortest_edge)


def check(file: BinaryIO, *, name: str, max_pixels: int) -> None:
    """Decode a file to its end and keep nothing. Raises `ImageError` as `decode` does."""
    with _undecoded(file, name, max_pixels) as image:
        image.draft(None, (1, 1))  # a JPEG is read to its end also at an eighth of its size
        image.load()


def suffix(data: bytes) -> str:
    """The usual ending of such a file's name, by its first bytes; "" for what is not read."""
    found = formats.of(data[: formats.HEAD])
    return found.suffix if found else ""


def to_rgb(image: Image.Image) -> Image.Image:
    """A picture somebody opened already, made like one of `open_image`; it is left as it is."""
    try:
        return _to_rgb(upright(image.copy()))
    except DECODE_ERRORS as error:
        raise ImageError(
            "The image is damaged or cut off; send it again.", code="truncated"
        ) from error


@contextmanager
def _undecoded(file: BinaryIO, name: str, max_pixels: int) -> Iterator[Image.Image]:
    """The picture by its header; what goes wrong when it is decoded becomes an `ImageError`."""
    content = _content(file, name, max_pixels)
    image = _identify(content, name)
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(
            f"{name} has {width} x {height} pixels; at most {max_pixels:,} are accepted, "
            "send a smaller picture.",
            code="too_many_pixels",
        )
    try:
        with large_images.decode_slot(image):
            yield image
            if isinstance(content, jpeg_end.Ended) and content.was_needed:
                _check_share(content)
    except DECODE_ERRORS as error:
        raise ImageError(
            f"{name} is damaged or cut off and cannot be decoded; send it again.", code="truncated"
        ) from error


def _decoded(image: Image.Image, shortest_edge: int | None) -> Image.Image:
    box, factor = None, 1
    jpeg = image.format in ("JPEG", "MPO")
    if jpeg and shortest_edge is not None:
        box = jpeg_scale.scale_down(image, shortest_edge, orientation=orientation(image))
    image.load()
    if not jpeg and shortest_edge is not None:
        turned = orientation(image)  # of a PNG it is known only now
        factor, box = large_images.reduction(image, shortest_edge, orientation=turned)
    if large_images.is_large(image):
        picture = upright(large_images.in_bands(image, _to_rgb, factor=factor))
    else:
        picture = _to_rgb(upright(image))
    if box is not None:
        picture.info[jpeg_scale.CONTENT_BOX] = box
    return picture


def _content(file: BinaryIO, name: str, max_pixels: int) -> _Content:
    """The file without what its picture can be shown without. Raises `ImageError`."""
    found = formats.of(file.read(formats.HEAD))
    file.seek(0)
    if found is None:
        return file
    bare = BytesIO(found.picture_only(file.read(), name=name, max_pixels=max_pixels))
    return jpeg_end.Ended(bare) if found.name == "JPEG" else bare


def _check_share(file: jpeg_end.Ended) -> None:
    if file.share() < jpeg_end.LEAST:
        raise OSError("the file ends before its picture does")


def _identify(file: _Content, name: str) -> Image.Image:
    try:
        return Image.open(cast(IO[bytes], file), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{name} has far too many pixels; send a smaller picture.", code="too_many_pixels"
        ) from error
    except (UnidentifiedImageError, *DECODE_ERRORS) as error:
        file.seek(0)
        raise _unidentified(file.read(32), name) from error


def _unidentified(head: bytes, name: str) -> ImageError:
    if suffix(head):
        return ImageError(f"{name} is damaged or cut off; send it again.", code="truncated")
    for at, magic, kind in _REFUSED_MAGIC:
        if head[at : at + len(magic)] == magic:
            return ImageError(
                f"{name} is of type {kind}; only JPEG, PNG, WebP and GIF are accepted.",
                code="unsupported_type",
            )
    return ImageError(
        f"{name} holds no picture; send a JPEG, PNG, WebP or GIF file.", code="not_an_image"
    )


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
