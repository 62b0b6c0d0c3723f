"""A rolled belt, buckle in front."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import GOLD, RGB, STEEL, contrast, darker, lighter, mix
from moderation.demo.looks import Look
from moderation.demo.paths import arc, curve, ellipse, rounded


def belt(canvas: Canvas, look: Look) -> None:
    """A rolled belt, buckle in front."""
    rng = look.rng
    metal = GOLD if rng.random() < 0.4 else STEEL
    high = rng.uniform(12, 15)
    thread = mix(look.base, contrast(look.base), 0.5)
    well = canvas.mask(ellipse(50, 45, 38, 15), ellipse(50, 45 + high / 2, 37, 14))
    canvas.paint(well, darker(look.base, 0.68))
    for layer, (rx, ry) in enumerate(((38, 15), (32, 11.6), (26, 8.4))):
        ring = ellipse(50, 45 - layer * 0.3, rx, ry)
        inner = ellipse(50, 45 - layer * 0.3, rx - 1.8, ry - 1.2)
        wall = canvas.mask(
            np.concatenate(
                [arc(50, 45, rx, ry, 180, 360), arc(50, 45 + high, rx, ry * 0.8, 0, -180)]
            )
        )
        canvas.paint(
            wall,
            darker(look.base, 0.35),
            slopes=canvas.round_normal((50 - canvas.x) / rx, canvas.x * 0),
        )
        canvas.paint(canvas.mask(ring, holes=[inner]), darker(look.base, 0.2))
    rx, ry = 38, 15
    wall = curve(
        [*arc(50, 45, rx, ry, 180, 0).tolist(), *arc(50, 45 + high, rx, ry, 0, 180).tolist()]
    )
    mask = canvas.mask(wall)
    canvas.paint(
        mask,
        look.base,
        slopes=canvas.round_normal((canvas.x - 50) / rx * 0.92, canvas.x * 0),
        gloss=0.25,
        shine=12,
    )
    canvas.tone(np.clip(canvas.noise(1.2), 0, 1) * mask, -0.06)
    for dy in (1.6, high - 1.6):
        canvas.stitch(arc(50, 45 + dy, rx - 0.6, ry, 172, 8), thread, width=0.4, dash=1.4)
    canvas.stand(50, 57 + high, 36)
    _buckle(canvas, look, metal, high)


def _buckle(canvas: Canvas, look: Look, metal: RGB, high: float) -> None:
    y = 60 + high / 2
    tip = canvas.mask(
        curve(
            [
                [52, y - high / 2 + 0.6, 1], [72, y - high / 2 - 1.6], [78, y - 2],
                [72, y + high / 2 - 1.4], [52, y + high / 2 - 0.6, 1],
            ]
        )
    )
    canvas.paint(tip, lighter(look.base, 0.05), relief=canvas.puff(tip, 1.2), cast=0.4, gloss=0.25)
    canvas.paint(
        canvas.dots([[60, y - 0.6], [65, y - 1.1], [70, y - 1.6]], 0.9), darker(look.base, 0.6)
    )
    grow = high / 2 + 3
    frame = canvas.mask(
        rounded(38, y - grow, 58, y + grow, 3),
        holes=[rounded(41.4, y - grow + 3.4, 54.6, y + grow - 3.4, 1.6)],
    )
    canvas.paint(frame, metal, relief=canvas.puff(frame, 1.3, 1.5), cast=0.55, gloss=0.65, shine=18)
    prong = canvas.line([[40, y], [57, y]], width=2)
    canvas.paint(prong, metal, relief=canvas.puff(prong, 1, 1.4), cast=0.5, gloss=0.65, shine=18)
    keeper = canvas.mask(rounded(29, y - high / 2 - 1.4, 34, y + high / 2 + 1.0, 1.2))
    canvas.paint(
        keeper, darker(look.base, 0.1), relief=canvas.puff(keeper, 1.2), cast=0.4, gloss=0.2
    )
