"""GIF: a chain of blocks, each in pieces of at most 255 bytes."""

from __future__ import annotations

import re

from moderation.clip.pictures.formats.format import MOST_PARTS, Format

_BLOCK = re.compile(rb"[!,;]")  # an extension, a frame, the end; decoders pass by what is neither
_CONTROL = b"\xf9"


class Gif(Format, name="GIF", suffix=".gif", magic=b"GIF8"):
    """The first frame is the picture; before it come comments, profiles and its transparency."""

    def picture_only(self, data: bytes, *, name: str, max_pixels: int) -> bytes:
        start = at = 13 + _palette(data[10:11])
        control, parts = b"", 0
        while (found := _BLOCK.search(data, at)) and found[0] == b"!":
            begin, at, more = found.start(), found.end() + 1, True
            while more:
                more = data[at : at + 1] not in (b"", b"\0")
                at += 1 + int.from_bytes(data[at : at + 1])
                parts += 1
                if parts > MOST_PARTS:
                    raise self.refused(name, f"has more than {MOST_PARTS:,} blocks")
            if data[begin + 1 : begin + 2] == _CONTROL:
                control = data[begin:at]
        return data[:start] + control + (data[found.start() :] if found else b"")


def _palette(flags: bytes) -> int:
    """The bytes of the palette that all frames share."""
    return 3 << ((flags[0] & 7) + 1) if flags and flags[0] & 0x80 else 0
