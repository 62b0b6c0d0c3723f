"""A pleated skirt."""

# Outlines are tables of points, and read best as tables.
# fmt: off

from moderation.demo.canvas import Canvas
from moderation.demo.colours import darker
from moderation.demo.looks import Look
from moderation.demo.paths import curve, mirror

from .cloth import cloth_relief


def skirt(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    flare, hem = rng.uniform(30, 38), rng.uniform(82, 92)
    waist = rng.uniform(15, 17)
    outline = curve(
        mirror(
            [
                [50 + waist, 18, 1], [50 + waist + (flare - waist) * 0.35, 36],
                [50 + flare, hem - 5, 1], [50 + flare * 0.55, hem - 1], [50, hem + 0.8],
            ]
        )
    )
    mask = canvas.mask(outline)
    pleats = []
    count = int(rng.integers(6, 11))
    for i in range(count):
        share = (i + 0.5) / count * 2 - 1
        top, low = 50 + share * waist, 50 + share * flare
        pleats.append((top, 10, low, hem + 16, 2.2, 1.9))
        pleats.append((top + 1.2, 14, low + 3.4, hem + 14, 1.8, -1.5))
    canvas.paint(mask, look.dye(canvas, period=7), relief=cloth_relief(canvas, mask, *pleats))
    hem_line = curve(
        [
            [50 - flare + 1, hem - 7.5], [50 - flare * 0.5, hem - 3.4], [50, hem - 2],
            [50 + flare * 0.5, hem - 3.4], [50 + flare - 1, hem - 7.5],
        ],
        closed=False,
    )
    canvas.seam(hem_line, width=0.35, depth=0.2)
    band = canvas.mask(
        curve(
            [
                [50 - waist - 0.4, 13, 1], [50, 14.4], [50 + waist + 0.4, 13, 1],
                [50 + waist + 0.8, 19, 1], [50, 20.6], [50 - waist - 0.8, 19, 1],
            ]
        )
    )
    canvas.paint(band, darker(look.base, 0.1), relief=canvas.puff(band, 1.4), cast=0.4)
    canvas.paint(
        canvas.mask(
            curve([[50 - waist + 0.6, 13, 1], [50, 14.4], [50 + waist - 0.6, 13, 1], [50, 12.4]])
        ),
        darker(look.base, 0.5),
    )
