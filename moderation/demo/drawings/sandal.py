"""Flip flops from above."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import darker
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse


def sandal(canvas: Canvas, look: Look) -> None:
    """A pair of flip flops from above."""
    rng = look.rng
    strap = look.second if rng.random() < 0.25 else darker(look.base, 0.25)
    gap = rng.uniform(21, 24)
    for side, drop in ((-1, 0.0), (1, rng.uniform(-3, 3))):
        x = 50 + side * gap
        foot = [
            [x - side * 6, 7 + drop], [x + side * 6, 9 + drop], [x + side * 15, 22 + drop],
            [x + side * 15.5, 36 + drop], [x + side * 10.5, 56 + drop],
            [x + side * 10.5, 78 + drop], [x + side * 6, 91 + drop], [x - side * 3, 93 + drop],
            [x - side * 10, 86 + drop], [x - side * 11, 70 + drop], [x - side * 12, 50 + drop],
            [x - side * 15.5, 30 + drop], [x - side * 14, 15 + drop],
        ]
        outline = curve(foot)
        rim = canvas.mask(outline + np.array([0.6, 1.6]))
        canvas.paint(rim, darker(look.base, 0.3), relief=canvas.puff(rim, 1))
        mask = canvas.mask(outline)
        relief = canvas.puff(mask, 1.6, 0.8) - canvas.folds(
            (x - side * 1, 18 + drop, x + side, 34 + drop, 10, 1.3),
            (x, 74 + drop, x, 86 + drop, 8, 1.3),
        )
        relief = relief + np.float32(0.12 * canvas.unit) * np.sin(canvas.x * 3.2) * np.sin(
            canvas.y * 3.2
        )
        canvas.paint(mask, look.dye(canvas, period=9), relief=relief)
        post = [x - side * 3.5, 24 + drop]
        inner = curve([post, [x - side * 9, 34 + drop], [x - side * 13.4, 52 + drop]], closed=False)
        outer = curve([post, [x + side * 6, 31 + drop], [x + side * 12.6, 50 + drop]], closed=False)
        band = canvas.line(inner, outer, width=4.2)
        canvas.paint(
            band, strap, relief=canvas.puff(band, 1.8, 1.2), cast=0.65, gloss=0.25, shine=20
        )
        knob = canvas.mask(ellipse(post[0], post[1], 2.6, 2.6))
        canvas.paint(knob, strap, relief=canvas.puff(knob, 1.2, 1.3), cast=0.4, gloss=0.3)
