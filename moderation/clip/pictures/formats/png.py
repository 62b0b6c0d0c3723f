"""PNG: a chain of chunks.

Colour profiles, texts and further frames change no pixel of the first picture, but Pillow refuses
a whole file where one of them unpacks to more than 1 MB or has a wrong checksum, and unpacks all.
Browsers show such files, and what is left out here needs no limit against what it could unpack to.
"""

from __future__ import annotations

import struct
import zlib

from moderation.clip.pictures.formats.format import MOST_EXIF, MOST_PARTS, Format

_SIGNATURE = 8
_PICTURE = (b"PLTE", b"IDAT", b"IEND")
# As browsers do, without it where its checksum is wrong.
_HOW_TO_SHOW_IT = (b"tRNS", b"eXIf")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_WITH_ALPHA = (4, 6)


class Png(Format, name="PNG", suffix=".png", magic=b"\x89PNG"):
    """Portable network graphics; of an animation the picture that stands for it."""

    def picture_only(self, data: bytes, *, name: str, max_pixels: int) -> bytes:
        kept, at, parts = [data[:_SIGNATURE]], _SIGNATURE, 0
        while len(head := data[at : at + 8]) == 8:
            length, kind = struct.unpack(">I4s", head)
            parts += 1
            if parts > MOST_PARTS:
                raise self.refused(name, f"has more than {MOST_PARTS:,} chunks")
            end = at + 12 + length
            if len(kept) == 1:  # a picture begins with its header
                keep = kind == b"IHDR"
                self._check_size(data[at + 8 : end] if keep else b"", name, max_pixels)
            else:
                keep = kind in _PICTURE or (kind in _HOW_TO_SHOW_IT and _is_right(data[at:end]))
            if keep:
                kept.append(data[at:end])
            at = end
            if kind == b"IEND":
                break
        return b"".join(kept)

    def _check_size(self, header: bytes, name: str, max_pixels: int) -> None:
        if len(header) < 13:
            return
        width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", header[:13])
        bits = depth * _CHANNELS.get(colours, 4)
        passes = bool(interlaced) + (colours in _WITH_ALPHA)
        self.check_pixels(name, (width, height), bits, passes=passes, max_pixels=max_pixels)


def _is_right(chunk: bytes) -> bool:
    return len(chunk) <= MOST_EXIF and zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:])
