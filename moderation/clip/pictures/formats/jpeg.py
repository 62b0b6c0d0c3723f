"""JPEG: segments that begin with a marker, and scans of coded blocks between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from moderation.clip.errors import ImageError
from moderation.clip.pictures.formats.format import MOST_PARTS, Format

# 0xFF stands before a marker; within a scan also before 0, where it is a byte of the scan, and
# before the numbers of restarts.
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_SOI, _EOI, _SOS, _COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TABLES = (0xC4, 0xDB)
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_APPLICATION = range(0xE0, 0xF0)
# What applications add that changes how a picture is shown: the first of each.
_HOW_TO_SHOW_IT = (
    (0xE0, b"JFIF"),
    (0xE1, b"Exif\0\0"),
    (0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
    (0xEE, b"Adobe"),
)

# Usual programs write 10 scans, those that look for the smallest file up to 20.
MOST_SCANS = 100
# What all scans cost, see `_Frame.work`: the usual ten of 50 million pixels in four full colours. A
# nanosecond pays for two to four.
MOST_WORK = 1_250_000_000
_EACH_BLOCK = 32  # as much as so many coefficients
# Bytes of a picture in several scans that may lack its end mark: to see how much of it there is
# takes two decodings more, see `jpeg_end`, which are larger; so its work counts four times, too.
MOST_WITHOUT_END = 4 * 2**20
# Bytes of quantisation and Huffman tables before the picture; an ordinary file has 600.
MOST_TABLES = 65_536


class _Segment(NamedTuple):
    marker: int
    start: int
    end: int


class _Frame(NamedTuple):
    """What a frame's header says; `blocks` are those of each component, by its id."""

    width: int
    height: int
    progressive: bool
    components: int  # may share an id
    blocks: dict[int, int]

    def work(self, scan: bytes) -> int:
        """What a scan costs, by its segment: each coefficient of its band in each of its blocks.

        A decoder goes over them also where the scan has no byte for them.
        """
        count = scan[4] if len(scan) > 4 else 0
        names, band = scan[5 : 5 + 2 * count : 2], scan[5 + 2 * count : 7 + 2 * count]
        if len(band) < 2:
            return 0  # cut off
        width = max(1, band[1] - band[0] + 1) if self.progressive else 64
        return (width + _EACH_BLOCK) * sum(self.blocks.get(name, 0) for name in names)


class Jpeg(Format, name="JPEG", suffix=".jpg", magic=b"\xff\xd8\xff"):
    """The first picture of the file: thumbnails and depth maps of cameras are left out."""

    def picture_only(self, data: bytes, *, name: str, max_pixels: int) -> bytes:
        segments = self._segments(data, name)
        head, frame, scan = self._head(data, segments, name)
        if scan is None:  # cut off
            return b"".join(head)
        if frame is not None and _goes_on(frame, data[scan.start : scan.end]):
            self._check_work(data, frame, scan, segments, name)
        return b"".join([*head, data[scan.start :]])

    def _segments(self, data: bytes, name: str) -> Iterator[_Segment]:
        """All up to the end mark; what stands between them, such as coded blocks, is passed by."""
        at = 2
        for _ in range(MOST_PARTS):
            found = _MARKER.search(data, at)
            if found is None:
                return
            start = found.start()
            marker = data[start + 1]
            alone = marker < 0xC0 or marker in (_SOI, _EOI)
            at = start + 2 + (0 if alone else int.from_bytes(data[start + 2 : start + 4]))
            yield _Segment(marker, start, at)
            if marker == _EOI:
                return
        raise self.refused(name, f"has more than {MOST_PARTS:,} segments")

    def _head(
        self, data: bytes, segments: Iterator[_Segment], name: str
    ) -> tuple[list[bytes], _Frame | None, _Segment | None]:
        """What is kept of all before the first scan, the frame, and the segment of that scan."""
        kept, tables = [data[:2]], 0
        shown: set[tuple[int, bytes]] = set()
        frame: _Frame | None = None
        for segment in segments:
            if segment.marker == _SOS:
                return kept, frame, segment
            body = data[segment.start : segment.end]
            if segment.marker in _APPLICATION or segment.marker == _COMMENT:
                use = _use(body)
                if use is None or use in shown:
                    continue
                shown.add(use)
            elif segment.marker in _FRAMES:
                frame = frame or self._frame(body, name)
            elif segment.marker in _TABLES:
                tables += len(body)
            if tables > MOST_TABLES:
                raise self.refused(name, f"has more than {MOST_TABLES:,} bytes of tables")
            kept.append(body)
        return kept, frame, None

    def _frame(self, header: bytes, name: str) -> _Frame:
        marker, count = header[1], int.from_bytes(header[9:10])
        if marker not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
            raise self.refused(
                name,
                "is coded arithmetically or without loss, which no browser shows",
                code="unsupported_type",
            )
        height, width = int.from_bytes(header[5:7]), int.from_bytes(header[7:9])
        factors = [(header[at], *divmod(header[at + 1], 16)) for at in _thirds(header, count)]
        across = -(-width // (8 * max([1, *(wide for _, wide, _ in factors)])))
        down = -(-height // (8 * max([1, *(high for _, _, high in factors)])))
        blocks: dict[int, int] = {}
        for component, wide, high in factors:
            blocks[component] = max(blocks.get(component, 0), across * wide * down * high)
        return _Frame(width, height, marker == _PROGRESSIVE, count, blocks)

    def _check_work(
        self,
        data: bytes,
        frame: _Frame,
        first: _Segment,
        others: Iterator[_Segment],
        name: str,
    ) -> None:
        scans = work = 0
        marker = first.marker
        for marker, start, end in chain([first], others):
            if marker != _SOS:
                continue
            scans += 1
            work += frame.work(data[start:end])
            if scans > MOST_SCANS or work > MOST_WORK:
                count = data.count(bytes([0xFF, _SOS]), first.start)
                size = f"{frame.width} x {frame.height} pixels"
                raise self.refused(name, f"has {count:,} scans of {size}")
        if marker != _EOI and (len(data) > MOST_WITHOUT_END or 4 * work > MOST_WORK):
            raise ImageError(
                f"{name} is damaged or cut off: it has no end mark; send it again.",
                code="truncated",
            )


def _use(segment: bytes) -> tuple[int, bytes] | None:
    """What an application's segment says about how the picture is shown."""
    fits = ((marker, start) for marker, start in _HOW_TO_SHOW_IT if marker == segment[1])
    return next((use for use in fits if segment.startswith(use[1], 4)), None)


def _goes_on(frame: _Frame, scan: bytes) -> bool:
    """Whether a decoder reads on behind the first scan."""
    return frame.progressive or int.from_bytes(scan[4:5]) < frame.components


def _thirds(header: bytes, count: int) -> range:
    """Where each component's three bytes begin, of those that are there."""
    return range(10, min(len(header) - 2, 10 + 3 * count), 3)
