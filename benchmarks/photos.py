"""Photos of a given size, drawn as smooth noise: JPEG work like a real photo's, no data needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_photos(
    folder: Path, *, count: int, seed: int, size: tuple[int, int] = (400, 533)
) -> list[Path]:
    """Write `count` different JPEGs of `size` (width, height) into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        noise = np.random.default_rng(seed + number).integers(0, 256, (24, 18, 3), dtype=np.uint8)
        path = folder / f"{number}.jpg"
        Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path, quality=88)
        paths.append(path)
    return paths
