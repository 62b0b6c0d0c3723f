"""A pear."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import mix
from moderation.demo.looks import Look
from moderation.demo.paths import curve, mirror

from .foliage import leaf, skin_of, stalk


def pear(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide = rng.uniform(26, 29)
    outline = curve(
        mirror(
            [
                [50, 17], [55, 18.5], [59, 27], [62.5, 40], [50 + wide * 0.86, 55],
                [50 + wide, 71], [50 + wide * 0.75, 86], [58, 92], [50, 90.6],
            ]
        )
    )
    mask = canvas.mask(outline)
    half = np.interp(
        canvas.y,
        [16, 20, 27, 40, 55, 71, 86, 93],
        [2, 6, 9.4, 12.8, wide * 0.87, wide, wide * 0.77, 4],
    )
    across = np.clip((canvas.x - 50) / half, -1, 1) * 0.94
    down = np.interp(
        canvas.y, [16, 22, 34, 46, 60, 72, 92], [-0.8, -0.4, -0.15, -0.35, -0.3, 0.1, 0.85]
    )
    blush = mix(look.base, (0.83, 0.45, 0.2), 0.4)
    skin = skin_of(canvas, look.base, blush, canvas.noise(20) * 0.8 + (50 - canvas.x) / 60)
    slopes = canvas.round_normal(
        across.astype(np.float32), (down * np.sqrt(np.clip(1 - across**2, 0, 1))).astype(np.float32)
    )
    canvas.paint(mask, skin, slopes=slopes, gloss=0.35, shine=20, ambient=0.5)
    speck = np.stack([rng.uniform(26, 74, 140), rng.uniform(22, 90, 140)], axis=1)
    canvas.tone(canvas.dots(speck.tolist(), 0.3) * mask, -0.22)
    stalk(canvas, [50, 19], [50.8, 12], [54.5, 5.5])
    if rng.random() < 0.5:
        leaf(canvas, 51, 12, side=1 if rng.random() < 0.5 else -1)
    canvas.stand(50, 91.6, 24, strength=0.6)
