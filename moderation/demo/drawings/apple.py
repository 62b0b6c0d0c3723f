"""An apple."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import mix
from moderation.demo.looks import Look
from moderation.demo.paths import curve, mirror

from .foliage import leaf, skin_of, stalk


def apple(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide = rng.uniform(33, 36)
    outline = curve(
        mirror(
            [
                [50, 31], [57, 26.5], [50 + wide * 0.72, 27], [50 + wide, 45],
                [50 + wide * 0.9, 65], [50 + wide * 0.55, 84], [56.5, 89], [50, 86.6],
            ]
        )
    )
    mask = canvas.mask(outline)
    red, green, _ = look.base
    blush = mix(look.base, (0.93, 0.75, 0.30) if red > green * 1.5 else (0.85, 0.35, 0.20), 0.5)
    streak = canvas.noise(4, 30) * 0.5 + canvas.noise(18) * 0.8 + (canvas.x - 50) / 70 - 0.15
    skin = skin_of(canvas, look.base, blush, np.clip(streak, 0, 0.7 if red > green * 1.5 else 0.35))
    top = np.exp(-(((canvas.x - 50) / 12) ** 2) - ((canvas.y - 29) / 8) ** 2)
    skin = skin + top[..., None].astype(np.float32) * (
        np.array((0.62, 0.66, 0.22), np.float32) - skin
    ) * np.float32(0.6)
    across = np.clip((canvas.x - 50) / wide, -1, 1) * 0.93
    down = np.clip((canvas.y - 57) / 32, -1, 1) * 0.93
    right, lower = canvas.round_normal(across.astype(np.float32), down.astype(np.float32))
    hollow = canvas.folds((50, 24, 50, 34, 8, -3.2))
    dy, dx = np.gradient(hollow)
    canvas.paint(mask, skin, slopes=(right - dx, lower - dy), gloss=0.55, shine=38, ambient=0.5)
    speck = np.stack([rng.uniform(24, 76, 60), rng.uniform(34, 84, 60)], axis=1)
    canvas.tone(canvas.dots(speck.tolist(), 0.28) * mask, 0.25)
    stalk(canvas, [50, 33], [50.6, 25], [53.5, 17.5])
    if rng.random() < 0.6:
        leaf(canvas, 51, 25, side=1 if rng.random() < 0.5 else -1)
    canvas.stand(50, 88, 27, strength=0.6)
