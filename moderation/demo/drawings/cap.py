"""A baseball cap."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import RGB, contrast, darker, mix
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse, rounded


def cap(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    brim_colour = look.second if rng.random() < 0.25 else darker(look.base, 0.08)
    crown = curve(
        [
            [12, 63, 1], [12.5, 46], [21, 29], [38, 20.5], [54, 22.5], [67, 34], [72, 50],
            [71, 63, 1], [56, 67.5], [34, 68],
        ]
    )
    mask = canvas.mask(crown)
    ball = canvas.round_normal(
        np.clip((canvas.x - 41) / 35, -1, 1) * 0.85, np.clip((canvas.y - 58) / 42, -1, 1) * 0.85
    )
    canvas.paint(mask, look.dye(canvas, period=7, turn=0), slopes=ball, gloss=0.06)
    centre = curve([[45, 20.6], [56, 36], [59, 66]], closed=False)
    left = curve([[45, 20.6], [28, 38], [25, 67]], closed=False)
    far = curve([[45, 20.6], [64, 30], [71.5, 52]], closed=False)
    canvas.seam(centre, left, far, width=0.5, depth=0.35)
    thread = mix(look.base, contrast(look.base), 0.35)
    for line in (centre, left):
        canvas.stitch(line + np.array([1.1, 0.3]), thread, width=0.28)
    for x, y in ((37, 39), (63.5, 40)):
        hole = canvas.mask(ellipse(x, y, 1.1, 1.1))
        canvas.paint(hole, darker(look.base, 0.5))
    button = canvas.mask(ellipse(45, 20.4, 3.2, 2.1))
    canvas.paint(button, brim_colour, relief=canvas.puff(button, 1.4, 1.3), cast=0.3)
    _brim(canvas, look, brim_colour)
    canvas.stand(50, 73, 38, strength=0.45)


def _brim(canvas: Canvas, look: Look, brim_colour: RGB) -> None:
    """The stitched brim, the band and perhaps a badge."""
    rng = look.rng
    brim = curve(
        [
            [30, 66.5, 1], [48, 62], [66, 58.5], [80, 60.5], [93, 68], [96, 73.5], [88, 75.5],
            [72, 72.5], [52, 72.5], [34, 72],
        ]
    )
    mask = canvas.mask(brim)
    canvas.paint(
        mask,
        brim_colour,
        relief=canvas.puff(mask, 1.6) + canvas.puff(mask, 5, 1.4),
        cast=0.5,
        gloss=0.08,
    )
    for step in (0.25, 0.5, 0.75):
        row = curve(
            [
                [38 + 6 * step, 69 + step], [60, 63 + 6 * step],
                [80 - 2 * step, 63.5 + 6.5 * step], [94 - 4 * step, 71 + 2 * step],
            ],
            closed=False,
        )
        canvas.stitch(row, mix(brim_colour, contrast(brim_colour), 0.3), width=0.25)
    band = canvas.mask(
        curve([[11.6, 58.5, 1], [14, 61.5], [34, 66], [36, 71, 1], [20, 69.5], [11.4, 66, 1]])
    )
    canvas.paint(band, darker(look.base, 0.25), relief=canvas.puff(band, 0.8))
    if rng.random() < 0.6:
        badge = (
            canvas.mask(rounded(60.5, 44, 68.5, 54, 1.5))
            if rng.random() < 0.5
            else canvas.mask(ellipse(64.5, 49, 4.4, 5.4))
        )
        canvas.paint(badge, contrast(look.base), relief=canvas.puff(badge, 0.8), cast=0.3)
