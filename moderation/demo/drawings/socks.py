"""A pair of socks."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import darker
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse, rounded

from .cloth import cloth_relief


def socks(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    trim = look.second if rng.random() < 0.7 else darker(look.base, 0.2)
    dyed = look.dye(canvas, period=6)
    for dx, dy in ((-9.0, -3.0), (11.0, 3.0)):
        outline = curve(
            [
                [40 + dx, 10 + dy, 1], [57 + dx, 10 + dy, 1], [57 + dx, 34 + dy],
                [57.6 + dx, 56 + dy], [62 + dx, 66 + dy], [76 + dx, 77 + dy], [80 + dx, 84 + dy],
                [74 + dx, 90 + dy], [60 + dx, 86 + dy], [44 + dx, 75 + dy], [38.5 + dx, 62 + dy],
                [40 + dx, 40 + dy],
            ]
        )
        mask = canvas.mask(outline)
        relief = cloth_relief(
            canvas,
            mask,
            (42 + dx, 58 + dy, 56 + dx, 54 + dy, 1.6, 0.8),
            (43 + dx, 62 + dy, 58 + dx, 60 + dy, 1.6, -0.7),
            (44 + dx, 67 + dy, 60 + dx, 66 + dy, 1.5, 0.6),
            (46 + dx, 24 + dy, 47 + dx, 52 + dy, 2.2, 0.6),
        )
        canvas.paint(mask, dyed, relief=relief + canvas.puff(mask, 5, 0.8), cast=0.35)
        toe = canvas.mask(ellipse(78 + dx, 86 + dy, 11, 13, turn=30)) * mask
        heel = canvas.mask(ellipse(40 + dx, 70 + dy, 10, 9, turn=30)) * mask
        for part in (toe, heel):
            canvas.paint(part, trim, relief=relief + canvas.puff(mask, 5, 0.8))
        cuff = canvas.mask(rounded(39.4 + dx, 9 + dy, 57.6 + dx, 21 + dy, 1.6))
        ribs = canvas.puff(cuff, 2.5) + np.float32(canvas.unit * 0.2) * np.sin(canvas.x * 4.6)
        canvas.paint(cuff, trim if rng.random() < 0.4 else look.base, relief=ribs, cast=0.25)
