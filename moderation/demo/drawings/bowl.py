"""A bowl."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import WHITE, darker, lighter, mix
from moderation.demo.looks import Look
from moderation.demo.paths import arc, ellipse

from .glaze import barrel


def bowl(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    rx, top, deep = rng.uniform(37, 41), rng.uniform(38, 42), rng.uniform(34, 40)
    ry = rx * rng.uniform(0.2, 0.27)
    foot = canvas.mask(
        np.concatenate(
            [arc(50, top + deep - 3, 15, 3, 180, 0), arc(50, top + deep + 2, 14, 3.4, 0, 180)]
        )
    )
    canvas.paint(foot, darker(look.base, 0.15), slopes=barrel(canvas, 15), gloss=0.2)
    outer = np.concatenate([arc(50, top, rx, ry * 0.2, 180, 0), arc(50, top, rx, deep, 0, 180)])
    mask = canvas.mask(outer)
    slopes = canvas.round_normal(
        (canvas.x - 50) / rx * 0.92, np.clip((canvas.y - top) / deep, -0.1, 1) * 0.8
    )
    canvas.paint(mask, look.dye(canvas, period=9), slopes=slopes, gloss=0.4, shine=26, cast=0.3)
    rim = canvas.mask(ellipse(50, top, rx, ry))
    canvas.paint(rim, lighter(look.base, 0.25), gloss=0.1)
    inside = canvas.mask(ellipse(50, top + 0.5, rx - 1.6, ry - 1.1))
    inner = mix(look.base, WHITE, 0.75) if rng.random() < 0.5 else lighter(look.base, 0.06)
    slopes = canvas.round_normal(
        -(canvas.x - 50) / rx * 0.8, -np.clip((canvas.y - top - 4) / ry, -1, 1) * 0.5
    )
    canvas.paint(inside, inner, slopes=slopes, gloss=0.25, shine=20)
    floor = canvas.mask(ellipse(50, top + ry * 0.5, rx * 0.5, ry * 0.4)) * inside
    canvas.tone(canvas.puff(floor, 2) / np.float32(2 * canvas.unit) * floor, -0.12)
    canvas.stand(50, top + deep + 4.6, 24)
