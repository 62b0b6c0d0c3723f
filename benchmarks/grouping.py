"""How well near-duplicate photos are found, how few others with them, and how long it takes.

    python -m benchmarks.grouping --catalogue ../shared/catalogue

Found: photos that were compressed, resized, brightened or cropped, and are recognised again. False:
products of another category than the first of their group. Compared with a difference hash of 64
bits.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from moderation.clip.data import grouping
from moderation.clip.data.product_rows import difference_hash

from .machine import machine

SAMPLE = 400
HASH_DISTANCES = (0, 2, 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--catalogue", type=Path, default=Path("../shared/catalogue"))
    folder = parser.parse_args().catalogue
    rows = []
    for name in ("train.csv", "val.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    paths = [folder / row["image_path"] for row in rows]
    images = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    signatures = np.stack([grouping.signature(Image.open(path)) for path in paths])
    hashes = np.array([difference_hash(Image.open(path)) for path in paths], dtype=np.uint64)
    categories = np.array([f"{row['source']} {row['category']}" for row in rows])
    print(machine())
    print(f"{len(rows):,} products, {len(set(images)):,} different photos")
    titles = [row["text"] for row in rows]
    for what, used in (("photos", [""] * len(rows)), ("photos and titles", titles)):
        start = time.perf_counter()
        found = np.array(grouping.groups(images=images, signatures=signatures, titles=used))
        seconds = time.perf_counter() - start
        across = np.mean(categories != categories[found])
        print(
            f"groups by {what}: {_sizes(found)}, {across:.2%} with a first row of another category"
            f", {seconds:.1f} s"
        )
    for distance in HASH_DISTANCES:
        found = _by_hash(hashes, distance)
        across = np.mean(categories != categories[found])
        print(
            f"difference hash, distance {distance}: {_sizes(found)}, {across:.2%} with a first row"
            " of another category"
        )
    _found_again(paths)


def _sizes(found: np.ndarray) -> str:
    sizes = np.bincount(found)
    return f"{np.count_nonzero(sizes):,} groups, the largest of {sizes.max():,}"


def _by_hash(hashes: np.ndarray, distance: int) -> np.ndarray:
    """The first row of each row's group, where hashes within the distance are linked."""
    first = np.arange(len(hashes))
    for row, value in enumerate(hashes):
        near = np.flatnonzero(np.bitwise_count(hashes[: row + 1] ^ value) <= distance)
        joined = np.unique(first[near])
        if len(joined) > 1:
            first[np.isin(first, joined)] = joined[0]
    return first


def _found_again(paths: list[Path]) -> None:
    rng = np.random.default_rng(0)
    photos = [Image.open(paths[n]).convert("RGB") for n in rng.choice(len(paths), SAMPLE)]
    changes: dict[str, Callable[[Image.Image], Image.Image]] = {
        "JPEG quality 50": lambda photo: _jpeg(photo, 50),
        "half size": lambda photo: _jpeg(photo.resize((photo.width // 2, photo.height // 2)), 85),
        "double size": lambda photo: _jpeg(photo.resize((photo.width * 2, photo.height * 2)), 85),
        "8% brighter": lambda photo: _jpeg(ImageEnhance.Brightness(photo).enhance(1.08), 90),
        "1.3% cropped on each side": lambda photo: _jpeg(_cropped(photo, 0.0134), 90),
        "3% cropped on each side": lambda photo: _jpeg(_cropped(photo, 0.03), 90),
    }
    for name, change in changes.items():
        again = 0
        for photo in photos:
            pair = np.stack([grouping.signature(photo), grouping.signature(change(photo))])
            again += grouping.groups(images=["a", "b"], signatures=pair, titles=["", ""])[1] == 0
        print(f"found again after {name}: {again / len(photos):.1%}")


def _jpeg(photo: Image.Image, quality: int) -> Image.Image:
    buffer = BytesIO()
    photo.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def _cropped(photo: Image.Image, share: float) -> Image.Image:
    x, y = round(photo.width * share), round(photo.height * share)
    return photo.crop((x, y, photo.width - x, photo.height - y))


if __name__ == "__main__":
    main()
