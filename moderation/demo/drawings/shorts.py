"""Shorts with a drawstring."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import contrast, darker
from moderation.demo.looks import Look
from moderation.demo.paths import curve, flipped

from .cloth import both_sides, cloth_relief


def shorts(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    waist, out, foot = rng.uniform(21, 23), rng.uniform(31, 35), rng.uniform(70, 80)
    half = curve(
        [
            [50, 20, 1], [50 + waist, 19, 1], [50 + waist + 4, 34], [50 + out, foot - 2, 1],
            [52.5, foot + 1.5, 1], [50.8, 52, 1], [50, 50, 1],
        ]
    )
    dyed = look.dye(canvas, period=7)
    folds = both_sides(
        (52, 50, 66, 44, 1.8, 1.0), (53, 54, 70, 54, 1.8, -0.8), (56, 26, 60, 46, 2.2, 0.8),
        (66, 28, 76, 72, 2.6, 0.9), (60, 52, 64, 76, 2.4, -0.8),
    )
    for side in (half, flipped(half)):
        mask = canvas.mask(side)
        canvas.paint(mask, dyed, relief=cloth_relief(canvas, mask, *folds), cast=0.2)
    rise = curve([[50, 26], [50.2, 38], [50.2, 51]], closed=False)
    canvas.seam(rise, width=0.6, depth=0.4)
    pocket = curve([[62, 26], [67, 34], [52.6 + waist, 40]], closed=False)
    hem = np.array([[50 + out - 1, foot - 5.4], [52.6, foot - 2]])
    canvas.seam(pocket, flipped(pocket), hem, flipped(hem), width=0.5, depth=0.35)
    inner = canvas.mask(
        curve([[50 - waist + 0.6, 19.4, 1], [50, 17], [50 + waist - 0.6, 19.4, 1], [50, 23]])
    )
    canvas.paint(inner, darker(look.base, 0.5))
    band = canvas.mask(
        curve(
            [
                [50 - waist, 19, 1], [50, 21], [50 + waist, 19, 1], [50 + waist + 0.8, 25.6, 1],
                [50, 27.8], [50 - waist - 0.8, 25.6, 1],
            ]
        )
    )
    relief = canvas.puff(band, 1.6)
    relief = relief + np.float32(canvas.unit * 0.16) * np.sin(canvas.x * 2.6)
    canvas.paint(band, darker(look.base, 0.06), relief=relief, cast=0.3)
    cord = contrast(look.base)
    for x, swing in ((48.6, -2.5), (51.4, 2.2)):
        lace = canvas.line(
            curve([[x, 24.4], [x + swing * 0.6, 31], [x + swing, 38]], closed=False), width=0.9
        )
        canvas.paint(lace, cord, relief=canvas.puff(lace, 0.5), cast=0.5)
