"""The heaviest pictures: what a core needs for them, by Pillow alone and as they are read here.

    python -m benchmarks.decoders

Each in a process of its own, by its processor time; what takes longer than a minute is ended.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from moderation.clip.errors import ImageError
from moderation.clip.pictures.decode_errors import DECODE_ERRORS
from moderation.clip.pictures.images import check_image, open_image
from tools import heavy_pictures
from tools.heavy_pictures import chunk, encoded, png, progressive, unpacks_to

from .machine import machine

DEADLINE = 60
EDGE = 224  # pixels, of a usual model
SIDE = 7068  # pixels; nearly the most that are accepted
TIMES = 6
BYTES = 10 * 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="those with this in their names")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--by", choices=READERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(timed(READERS[options.by], options.one.read_bytes())))
        return
    result = measure(only=options.only)
    print(json.dumps(result, indent=2) if options.json else as_text(result))


# ── Ways to read ──────────────────────────────────────────────────────────────────────────────
def by_pillow(data: bytes) -> None:
    """What a program does that knows no better, but leaves nothing out for a missing end."""
    Image.MAX_IMAGE_PIXELS = None
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    with Image.open(BytesIO(data)) as image:
        image.convert("RGB")


READERS: dict[str, Callable[[bytes], object]] = {
    "pillow": by_pillow,
    "check": check_image,
    "open": partial(open_image, shortest_edge=EDGE),
}


def timed(read: Callable[[bytes], object], data: bytes) -> dict[str, Any]:
    warnings.simplefilter("ignore")
    said = ""
    started = time.process_time()
    try:
        read(data)
    except ImageError as error:
        said = str(error)
    except DECODE_ERRORS as error:
        said = f"{type(error).__name__}: {error}"
    seconds = time.process_time() - started
    return {"seconds": round(seconds, 3), "said": said}


def in_a_process(path: Path, *, by: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.decoders", "--one", str(path), "--by", by]
    try:
        done = subprocess.run(command, capture_output=True, check=True, timeout=DEADLINE)
    except subprocess.TimeoutExpired:
        return {"seconds": DEADLINE, "said": "ended"}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# ── The heaviest that are accepted ────────────────────────────────────────────────────────────
def noisy(strength: float, *, mode: str = "RGB", times: int = TIMES) -> Image.Image:
    """A smooth picture under noise, side by side so often each way."""
    random = np.random.default_rng(0)
    slope = np.linspace(0, 200, SIDE // TIMES)
    bands = [
        np.tile(
            (slope[:, None] / 2 + slope / 2 + random.normal(0, strength, (len(slope),) * 2))
            .clip(0, 255)
            .astype(np.uint8),
            (times, times),
        )
        for _ in Image.new(mode, (1, 1)).getbands()
    ]
    return Image.merge(mode, [Image.fromarray(band) for band in bands])


def jpeg(*, mode: str = "RGB", most: int = BYTES, times: int = TIMES, **options: Any) -> bytes:
    """As near to the accepted bytes as its quality brings it."""
    part = noisy(8, mode=mode, times=1)
    for quality in range(95, 5, -3):
        if len(encoded(part, "JPEG", quality=quality, **options)) * times**2 <= most:
            break
    return encoded(noisy(8, mode=mode, times=times), "JPEG", quality=quality, **options)


def rows(mode: str) -> bytes:
    """A PNG whose every row is to be unfiltered by the slowest way."""
    bits, colours, wide = {"RGB": (8, 2, 3), "RGBA": (8, 6, 4), "RGBA;16": (16, 6, 8)}[mode]
    side = {3: SIDE, 4: 5477, 8: 4082}[wide]
    row = b"\4" + bytes(range(1, 251)) * (side * wide // 250 + 1)
    pixels = chunk(b"IDAT", unpacks_to(side, row[: 1 + side * wide]))
    return png(size=(side, side), bits=bits, colours=colours, pixels=pixels)


LARGEST: dict[str, Callable[[], bytes]] = {
    "JPEG, 50 million pixels": jpeg,
    "JPEG, the same without an end": lambda: jpeg()[:-2],
    "JPEG, the same cut off": lambda: jpeg()[:-200_000],
    "JPEG, progressive": partial(jpeg, progressive=True),
    "JPEG, progressive, whole chroma": partial(jpeg, progressive=True, subsampling=0),
    "JPEG, progressive, CMYK": partial(jpeg, progressive=True, mode="CMYK"),
    "JPEG, progressive without an end": lambda: jpeg(progressive=True, most=4 * 2**20, times=5)[
        :-2
    ],
    "JPEG, refined as often as accepted": lambda: progressive(
        SIDE, SIDE, [((1,), 0, 0, 0, 1), *[((1,), 1, 63, 1, 0)] * 15]
    ),
    "JPEG, first scans as often as accepted": lambda: heavy_pictures.many_scans(SIDE, SIDE, 15),
    "PNG, RGB": partial(rows, "RGB"),
    "PNG, RGBA": partial(rows, "RGBA"),
    "PNG, 16 bits": partial(rows, "RGBA;16"),
    "PNG, more than its pixels": lambda: png(
        pixels=chunk(b"IDAT", unpacks_to(10_000, bytes(1_000_000)))
    ),
    "GIF": lambda: encoded(noisy(1, mode="L"), "GIF"),
    "WebP": lambda: encoded(noisy(8), "WEBP", quality=20, method=0),
    "WebP, transparent": lambda: encoded(
        noisy(2, mode="RGBA").crop((0, 0, 5477, 5477)), "WEBP", quality=20, method=0
    ),
    "WebP without loss": lambda: encoded(noisy(0.5), "WEBP", lossless=True, quality=0, method=0),
}


def measure(*, only: str = "") -> dict[str, Any]:
    kinds = {"accepted": heavy_pictures.TAKEN | LARGEST, "refused": heavy_pictures.REFUSED}
    result: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        for kind, pictures in kinds.items():
            result[kind] = {}
            for name, make in pictures.items():
                if only in name:
                    path.write_bytes(make())
                    found = {by: in_a_process(path, by=by) for by in READERS}
                    result[kind][name] = {"bytes": path.stat().st_size, **found}
    return result


def as_text(result: dict[str, Any]) -> str:
    lines = [result["machine"], "seconds of a core: Pillow alone, checked, opened"]
    for kind in ("accepted", "refused"):
        lines.append(kind)
        for name, found in result[kind].items():
            seconds = "".join(f"{found[by]['seconds']:9.2f}" for by in READERS)
            size = f"{found['bytes'] / 1e6:6.1f} MB"
            lines.append(f"  {name:40}{size}{seconds}  {said(found)}")
        worst = {
            by: max((one[by]["seconds"] for one in result[kind].values()), default=0)
            for by in READERS
        }
        lines.append(f"  {'the worst':49}{''.join(f'{worst[by]:9.2f}' for by in READERS)}")
    return "\n".join(lines)


def said(found: dict[str, Any]) -> str:
    return str(found["open"]["said"])[:90]


if __name__ == "__main__":
    main()
