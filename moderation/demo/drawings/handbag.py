"""A handbag with two handles."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import GOLD, RGB, STEEL, contrast, darker, mix
from moderation.demo.looks import Look
from moderation.demo.paths import arc, curve, ellipse, mirror, rounded


def handbag(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    metal = GOLD if rng.random() < 0.7 else STEEL
    top, low = rng.uniform(40, 44), rng.uniform(86, 90)
    wide_top, wide_low = rng.uniform(27, 32), rng.uniform(36, 41)
    rise = rng.uniform(10, 20)
    back = canvas.line(arc(50, top + 4, 17.5, top - rise, 180, 360), width=2.6)
    canvas.paint(back, darker(look.base, 0.35), relief=canvas.puff(back, 1.2))
    outline = curve(
        mirror(
            [
                [50, top - 1], [50 + wide_top, top, 1], [50 + wide_top + 4, (top + low) / 2],
                [50 + wide_low, low - 4], [50 + wide_low - 4, low], [50, low + 0.8],
            ]
        )
    )
    mask = canvas.mask(outline)
    relief = (
        canvas.puff(mask, 2)
        + canvas.puff(mask, 9, 1.0)
        + canvas.noise(24) * np.float32(canvas.unit * 0.7)
    )
    canvas.paint(mask, look.dye(canvas, period=9), relief=relief, gloss=0.16, shine=12)
    grain = canvas.noise(1.3)
    canvas.tone(np.clip(grain, 0, 1) * mask, -0.05)
    for side in (1, -1):
        gusset = curve(
            [
                [50 + side * (wide_top - 3), top + 1],
                [50 + side * (wide_top - 1), (top + low) / 2],
                [50 + side * (wide_low - 6), low - 1],
            ],
            closed=False,
        )
        canvas.seam(gusset, width=0.6, depth=0.35)
        canvas.stitch(gusset - np.array([side * 1.2, 0]), mix(look.base, contrast(look.base), 0.55))
    y = _closure(canvas, look, metal, top, wide_top)
    _metal(canvas, look, metal, top, rise, y)
    canvas.stand(50, low + 0.6, wide_low)


def _metal(canvas: Canvas, look: Look, metal: RGB, top: float, rise: float, y: float) -> None:
    """Clasp at height `y`, front handle and its rings."""
    clasp = canvas.mask(rounded(45.8, y - 3, 54.2, y + 3.4, 1.2))
    canvas.paint(clasp, metal, relief=canvas.puff(clasp, 1, 1.4), cast=0.5, gloss=0.6, shine=18)
    canvas.seam(np.array([[46.5, y], [53.5, y]]), width=0.4, depth=0.4)
    front = canvas.line(arc(50, top + 8, 19.5, top + 8 - rise, 180, 360), width=3.2)
    canvas.paint(
        front, darker(look.base, 0.12), relief=canvas.puff(front, 1.5, 1.3), cast=0.35, gloss=0.25
    )
    for x in (30.5, 69.5):
        ring = canvas.mask(ellipse(x, top + 8, 3, 3), holes=[ellipse(x, top + 8, 1.7, 1.7)])
        canvas.paint(ring, metal, relief=canvas.puff(ring, 0.7, 1.4), cast=0.5, gloss=0.6)
        tab = canvas.mask(rounded(x - 2, top + 9.6, x + 2, top + 17, 0.9))
        canvas.paint(tab, darker(look.base, 0.12), relief=canvas.puff(tab, 1), cast=0.4)


def _closure(canvas: Canvas, look: Look, metal: RGB, top: float, wide_top: float) -> float:
    """A flap or a zip; gives the height where the clasp goes."""
    if look.rng.random() < 0.55:
        flap = canvas.mask(
            curve(
                mirror(
                    [
                        [50, top - 2], [50 + wide_top + 0.8, top - 1, 1],
                        [50 + wide_top + 2, top + 10], [50 + wide_top * 0.6, top + 22],
                        [50, top + 26],
                    ]
                )
            )
        )
        canvas.paint(
            flap,
            darker(look.base, 0.07),
            relief=canvas.puff(flap, 1.6) + canvas.puff(flap, 7, 0.5),
            cast=0.5,
            gloss=0.18,
        )
        return top + 24
    canvas.seam(
        curve([[50 - wide_top, top + 4], [50, top + 5.5], [50 + wide_top, top + 4]], closed=False),
        width=0.8,
        depth=0.4,
    )
    canvas.stitch(
        np.array([[50 - wide_top + 1, top + 2.6], [50 + wide_top - 1, top + 2.6]]),
        metal,
        width=0.6,
        dash=0.5,
    )
    return top + 14
