"""Small pictures as shops send them."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, ImageDraw


def photo(
    colour: str = "red", *, size: tuple[int, int] = (96, 128), format: str = "JPEG", mark: int = 0
) -> bytes:
    """The bytes of a small picture; another `mark` gives other bytes of the same look."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse([size[0] // 5, size[1] // 5, 4 * size[0] // 5, 4 * size[1] // 5], fill=colour)
    draw.point([(mark % size[0], mark // size[0])], fill="black")
    buffer = BytesIO()
    image.save(buffer, format, **({"quality": 90} if format == "JPEG" else {}))
    return buffer.getvalue()


def jpeg(image: Image.Image) -> bytes:
    """The bytes of a picture."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def odd_but_shown() -> list[bytes]:
    """A JPEG without its end mark and a PNG whose text has a wrong checksum: browsers show both."""
    png = photo(format="PNG")
    text = b"\0\0\0\1tEXtx\0\0\0\0"
    return [photo()[:-2], png[:33] + text + png[33:]]
