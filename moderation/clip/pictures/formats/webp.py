"""WebP: chunks in a RIFF file; each frame of an animation is one."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from moderation.clip.pictures.formats.format import MOST_EXIF, MOST_PARTS, Format

_PICTURE = (b"VP8X", b"ANIM", b"ALPH", b"VP8 ", b"VP8L")
_HOW_TO_SHOW_IT = (b"EXIF", b"XMP ")
_FRAME = b"ANMF"
_HEAD = 12
_RGBA = 32


class Webp(Format, name="WebP", suffix=".webp", magic=b"WEBP", at=8):
    """Lossy, lossless, with alpha, or the first frame of an animation."""

    def picture_only(self, data: bytes, *, name: str, max_pixels: int) -> bytes:
        if size := _size_with_alpha(data[:30]):
            self.check_pixels(name, size, _RGBA, passes=1, max_pixels=max_pixels)
        kept: list[bytes] = []
        frames = 0
        for parts, (kind, chunk) in enumerate(_chunks(data)):
            if parts == MOST_PARTS:
                raise self.refused(name, f"has more than {MOST_PARTS:,} chunks")
            frames += kind == _FRAME
            if (
                kind in _PICTURE
                or (kind == _FRAME and frames == 1)
                or (kind in _HOW_TO_SHOW_IT and len(chunk) <= MOST_EXIF)
            ):
                kept.append(chunk)
        body = b"WEBP" + b"".join(kept)
        return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's kind, and all of it with its padding; the last may be cut off."""
    at, end = _HEAD, min(len(data), 8 + int.from_bytes(data[4:8], "little"))
    while at + 8 <= end:
        kind, size = struct.unpack_from("<4sI", data, at)
        after = at + 8 + size + size % 2
        yield kind, data[at : min(after, end)]
        at = after


def _size_with_alpha(head: bytes) -> tuple[int, int] | None:
    """Width and height of a picture that is partly transparent, by its first chunk."""
    kind = head[_HEAD : _HEAD + 4]
    if kind == b"VP8X" and len(head) == 30 and head[20] & 0x10:
        width, height = head[24:27], head[27:30]
        return 1 + int.from_bytes(width, "little"), 1 + int.from_bytes(height, "little")
    if kind == b"VP8L" and (bits := int.from_bytes(head[21:25], "little")) & 1 << 28:
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None
