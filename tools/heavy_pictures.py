"""Small picture files that make a decoder work: bombs, and the heaviest that are still accepted."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO

from PIL import Image

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GIF = b"GIF89a" + struct.pack("<HHBBB", 64, 64, 0, 0, 0)
Scan = tuple[tuple[int, ...], int, int, int, int]  # components; Ss, Se, Ah, Al


# ── JPEG ──────────────────────────────────────────────────────────────────────────────────────
def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def progressive(
    width: int, height: int, scans: Sequence[Scan], *, components: int = 1, frame: int = 0xC2
) -> bytes:
    """A grey picture without a detail: its scans have next to no bytes, whatever they go over."""
    parts = b"".join(bytes([number + 1, 0x11, 0]) for number in range(components))
    blocks = -(-width // 8) * -(-height // 8)
    return b"".join(
        (
            b"\xff\xd8",
            segment(0xDB, b"\0" + b"\1" * 64),
            segment(frame, struct.pack(">BHHB", 8, height, width, components) + parts),
            # One code of one bit each: no difference for DC, a run of up to 2^15 blocks for AC.
            segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0"),
            segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xe0"),
            *(_scan(scan, blocks) for scan in scans),
            b"\xff\xd9",
        )
    )


def _scan(scan: Scan, blocks: int) -> bytes:
    names, start, end, high, low = scan
    tables = b"".join(bytes([name, 0]) for name in names)
    head = segment(0xDA, bytes([len(names)]) + tables + bytes([start, end, high << 4 | low]))
    if start == 0:
        return head + bytes(-(-blocks * len(names) // 8))
    runs = []
    while blocks > 0:
        more = min(max(blocks - 2**14, 0), 2**14 - 1)
        runs.append(f"0{more:014b}")
        blocks -= 2**14 + more
    bits = "".join(runs)
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8)
    return head + data.replace(b"\xff", b"\xff\0")


def many_scans(width: int, height: int, count: int) -> bytes:
    return progressive(width, height, [((1,), 0, 0, 0, 0), *[((1,), 1, 63, 0, 0)] * count])


def with_segments(marker: int, body: bytes, count: int) -> bytes:
    jpeg = encoded(Image.new("RGB", (64, 64), "red"), "JPEG")
    return jpeg[:2] + segment(marker, body) * count + jpeg[2:]


# ── PNG ───────────────────────────────────────────────────────────────────────────────────────
def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    early: bytes = b"",
    *,
    size: tuple[int, int] = (64, 64),
    bits: int = 8,
    colours: int = 0,
    interlaced: bool = False,
    pixels: bytes | None = None,
) -> bytes:
    """`early` stands before the picture, whose chunks are `pixels` or a black one."""
    header = struct.pack(">IIBBBBB", *size, bits, colours, 0, 0, interlaced)
    if pixels is None:
        pixels = chunk(b"IDAT", zlib.compress(bytes(size[1] * (size[0] + 1)), 9))
    return PNG_SIGNATURE + chunk(b"IHDR", header) + early + pixels + chunk(b"IEND", b"")


def unpacks_to(count: int, row: bytes) -> bytes:
    """Rows, packed, without ever holding them."""
    packer = zlib.compressobj(9)
    return b"".join([*(packer.compress(row) for _ in range(count)), packer.flush()])


ICC = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1_000_000), 9))
TEXT = chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(1_000_000), 9))


# ── GIF and WebP ──────────────────────────────────────────────────────────────────────────────
def gif(blocks: bytes, count: int) -> bytes:
    """A GIF with so many blocks before its first frame."""
    whole = encoded(Image.new("L", (64, 64)), "GIF")
    return _GIF + blocks * count + whole[whole.index(b",", 13) :]


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp(chunks: bytes) -> bytes:
    """An extended WebP with these chunks before its picture."""
    plain = encoded(Image.new("RGB", (64, 64)), "WEBP")
    head = webp_chunk(b"VP8X", bytes(4) + (63).to_bytes(3, "little") * 2)
    return riff(head, chunks, plain[12:])


# ── All of them ───────────────────────────────────────────────────────────────────────────────
def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def big_exif() -> bytes:
    """As many entries as there can be, each of which says that it holds all of them."""
    entries = (
        struct.pack(">HHII", number, 7, 9_000_000 - number, 8) for number in range(1, 60_000)
    )
    return b"MM\0*" + struct.pack(">IH", 8, 59_999) + b"".join(entries) + bytes(8_300_000)


# Each of these is refused, before it is decoded.
REFUSED: dict[str, Callable[[], bytes]] = {
    "JPEG, 3,000 scans": partial(many_scans, 7000, 7000, 3000),
    "JPEG, 101 scans": partial(many_scans, 64, 64, 100),
    "JPEG, refined 90 times": lambda: progressive(
        7000, 7000, [((1,), 0, 0, 0, 1), *[((1,), 1, 63, 1, 0)] * 90]
    ),
    "JPEG, arithmetic": lambda: progressive(64, 64, [((1,), 0, 0, 0, 0)], frame=0xCA),
    "JPEG, small segments": partial(with_segments, 0xE5, b"", 2_400_000),
    "JPEG, small comments": partial(with_segments, 0xFE, b"", 2_400_000),
    "JPEG, many tables": partial(with_segments, 0xDB, b"\0" + b"\1" * 64, 140_000),
    "JPEG, beginnings": lambda: b"\xff\xd8\xff" * 3_300_000,
    "PNG, empty chunks": lambda: png(chunk(b"tEXt", b"") * 800_000),
    "PNG, empty parts of the picture": lambda: png(chunk(b"IDAT", b"") * 800_000),
    "GIF, comments": partial(gif, b"!\xfe\1a\0", 1_900_000),
    "GIF, empty blocks": partial(gif, b"!\1\0", 3_000_000),
    "GIF, pieces of a block": lambda: gif(b"!\1" + b"\1a" * 4_900_000 + b"\0", 1),
    "WebP, empty chunks": lambda: webp(webp_chunk(b"none", b"") * 1_000_000),
}
# Browsers show these, and so do we: what would cost is left out.
TAKEN: dict[str, Callable[[], bytes]] = {
    "PNG, 9,443 profiles": lambda: png(ICC * 9443),
    "GIF, bytes between its blocks": lambda: gif(bytes(9_900_000), 1),
    "PNG, packed texts": lambda: png(TEXT * 9443),
    "PNG, large EXIF": lambda: png(chunk(b"eXIf", big_exif())),
    "WebP, large EXIF": lambda: webp(webp_chunk(b"EXIF", b"Exif\0\0" + big_exif())),
    "JPEG, EXIF in 150 parts": partial(with_segments, 0xE1, b"Exif\0\0MM\0*" + bytes(65_000), 150),
    "JPEG, EXIF in 30,000 parts": partial(
        with_segments, 0xE1, b"Exif\0\0MM\0*" + bytes(300), 30_000
    ),
    "JPEG, Photoshop's resources": partial(
        with_segments, 0xED, b"Photoshop 3.0\0" + b"8BIM\0\1\0\0\0\0\0\0" * 5000, 150
    ),
    "JPEG, bytes between its segments": lambda: with_segments(0xFE, b"", 1).replace(
        b"\xff\xdb", bytes(9_900_000) + b"\xff\xdb", 1
    ),
}
