"""Stalk, leaf and blushing skin."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import RGB
from moderation.demo.fields import Field
from moderation.demo.paths import curve

STALK: RGB = (0.36, 0.25, 0.14)


LEAF: RGB = (0.26, 0.48, 0.16)


def leaf(canvas: Canvas, x: float, y: float, *, side: int) -> None:
    outline = curve(
        [
            [x, y, 1], [x + side * 6, y - 7], [x + side * 16, y - 8], [x + side * 21, y - 4, 1],
            [x + side * 14, y + 1], [x + side * 6, y + 1.6],
        ]
    )
    mask = canvas.mask(outline)
    canvas.paint(mask, LEAF, relief=canvas.puff(mask, 2, 1.0), gloss=0.2, cast=0.3)
    canvas.seam(
        curve([[x, y], [x + side * 10, y - 3.6], [x + side * 20, y - 4]], closed=False),
        width=0.5,
        depth=0.3,
    )


def stalk(canvas: Canvas, *points: list[float], width: float = 2.0) -> None:
    mask = canvas.line(curve(list(points), closed=False), width=width)
    canvas.paint(mask, STALK, relief=canvas.puff(mask, 0.9, 1.3), cast=0.35)


def skin_of(canvas: Canvas, base: RGB, blush: RGB, amount: Field) -> Field:
    cover = np.clip(amount, 0, 1)[..., None]
    return (np.array(base, np.float32) * (1 - cover) + np.array(blush, np.float32) * cover).astype(
        np.float32
    )
