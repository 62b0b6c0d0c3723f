"""A hooded sweatshirt."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import STEEL, contrast, darker
from moderation.demo.looks import Look
from moderation.demo.paths import curve, flipped, mirror, rounded

from .cloth import BODY_FOLDS, both_sides, cloth_relief, paint_sleeves, torso


def hoodie(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    waist, hem, reach = rng.uniform(24, 26), rng.uniform(83, 87), rng.uniform(39, 41.5)
    dyed = look.dye(canvas, period=8)
    paint_sleeves(canvas, look, dyed, reach, 81, 6.0)
    body = curve(mirror(torso(canvas, shoulder=24, waist=waist, hem=hem)))
    mask = canvas.mask(body)
    canvas.paint(mask, dyed, relief=cloth_relief(canvas, mask, *both_sides(*BODY_FOLDS)), cast=0.32)
    armhole = curve([[71.4, 15.2], [70.4, 23], [71.2, 35]], closed=False)
    canvas.seam(armhole, flipped(armhole), width=0.6, depth=0.32)
    rib = canvas.mask(rounded(50 - waist - 0.8, hem - 6, 50 + waist + 0.8, hem + 1.2, 1.6))
    relief = canvas.puff(rib, 1.6) + np.float32(canvas.unit * 0.16) * np.sin(canvas.x * 4.2)
    canvas.paint(rib, darker(look.base, 0.05), relief=relief, cast=0.3)
    pouch = curve([[37, 56, 1], [63, 56, 1], [70, 68, 1], [70, 77, 1], [30, 77, 1], [30, 68, 1]])
    mask = canvas.mask(pouch)
    canvas.paint(mask, dyed, relief=cloth_relief(canvas, mask), cast=0.4)
    canvas.seam(
        np.array([[63, 56], [70, 68]]), np.array([[37, 56], [30, 68]]), width=0.7, depth=0.45
    )
    _hood(canvas, look)


def _hood(canvas: Canvas, look: Look) -> None:
    hood = curve(mirror([[50, 0.5], [58, 2], [64, 9], [65, 17], [60, 23], [50, 28.5, 1]]))
    mask = canvas.mask(hood)
    folds = both_sides((61, 8, 60, 20, 1.4, 0.7), (56, 2, 62, 12, 1.6, 0.6))
    canvas.paint(mask, look.base, relief=cloth_relief(canvas, mask, *folds), cast=0.4)
    opening = curve(mirror([[50, 5], [56, 7], [59, 14], [56, 20.5], [50, 25.5, 1]]))
    hole = canvas.mask(opening)
    canvas.paint(hole, darker(look.base, 0.55))
    canvas.tone(np.clip(canvas.puff(hole, 4) / (4 * canvas.unit), 0, 1), -0.35)
    lining = canvas.mask(curve(mirror([[50, 9], [54.5, 10.5], [55.5, 15], [50, 17]])))
    canvas.paint(lining, darker(look.base, 0.4), relief=canvas.puff(lining, 2), opacity=0.7)
    ring = np.concatenate([opening, opening[:1]])
    canvas.paint(
        canvas.line(ring, width=1.6),
        darker(look.base, 0.08),
        relief=canvas.puff(canvas.line(ring, width=1.6), 0.7),
    )
    cord = contrast(look.base)
    for x, end, swing in ((46.8, 42, -0.8), (53.2, 44, 1.0)):
        lace = canvas.line(
            curve([[x, 23.6], [x + swing, 32], [x + swing * 0.6, end]], closed=False), width=1.0
        )
        canvas.paint(lace, cord, relief=canvas.puff(lace, 0.5), cast=0.5)
        tip = canvas.line([[x + swing * 0.6, end - 1.5], [x + swing * 0.6, end]], width=1.3)
        canvas.paint(tip, STEEL, relief=canvas.puff(tip, 0.5), gloss=0.4)
