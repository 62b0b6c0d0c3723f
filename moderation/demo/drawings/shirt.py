"""A long-sleeved shirt with collar and buttons."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import DARK, darker, lighter, luminance, mix
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse, flipped, mirror

from .cloth import BODY_FOLDS, both_sides, cloth_relief, paint_sleeves, torso


def shirt(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    waist, hem = rng.uniform(22.5, 24.5), rng.uniform(83, 87)
    reach = rng.uniform(37.5, 40.5)
    dyed = look.dye(canvas, period=5.5, turn=90)
    paint_sleeves(canvas, look, dyed, reach, rng.uniform(77, 81), 6.5)
    half = torso(canvas, shoulder=23, waist=waist, hem=hem)
    half[-1] = [50, hem + 3]
    body = curve(mirror(half))
    inside = canvas.mask(curve([[42, 9], [50, 7], [58, 9], [55, 17], [50, 22], [45, 17]]))
    canvas.paint(inside, darker(look.base, 0.4))
    neck = curve([[42.5, 7, 1], [44, 14], [50, 21.5, 1], [56, 14], [57.5, 7, 1]])
    mask = canvas.mask(body, holes=[neck])
    canvas.paint(mask, dyed, relief=cloth_relief(canvas, mask, *both_sides(*BODY_FOLDS)), cast=0.3)
    armhole = curve([[70.6, 15.2], [69.8, 23], [70.6, 35]], closed=False)
    canvas.seam(armhole, flipped(armhole), width=0.5, depth=0.3)
    placket = np.array([[48, 21.5], [48, hem + 2.6]])
    canvas.seam(placket, placket + np.array([4.2, 0]), width=0.35, depth=0.3)
    if rng.random() < 0.6:
        pocket = curve([[56.5, 36, 1], [66, 36, 1], [66, 45, 1], [61.2, 47.5, 1], [56.5, 45, 1]])
        ring = np.concatenate([pocket, pocket[:1]])
        canvas.seam(ring, width=0.4, depth=0.3)
        canvas.seam(np.array([[56.5, 38], [66, 38]]), width=0.3, depth=0.25)
    button = lighter(look.base, 0.55) if luminance(look.base) < 0.6 else mix(look.base, DARK, 0.25)
    for y in np.linspace(27, hem - 5, 7):
        spot = canvas.mask(ellipse(50.1, y, 1.05, 1.05))
        canvas.paint(spot, button, relief=canvas.puff(spot, 0.5), cast=0.5, gloss=0.2)
    _collar(canvas, look)


def _collar(canvas: Canvas, look: Look) -> None:
    band = canvas.mask(
        curve([[41.5, 9, 1], [50, 6.2], [58.5, 9, 1], [58, 11.5, 1], [50, 9.4], [42, 11.5, 1]])
    )
    canvas.paint(band, darker(look.base, 0.1), relief=canvas.puff(band, 1))
    leaf = curve([[58.8, 8.2, 1], [62.5, 14], [60.5, 24, 1], [50.3, 21, 1], [55, 15]])
    for side in (leaf, flipped(leaf)):
        mask = canvas.mask(side)
        canvas.paint(mask, lighter(look.base, 0.05), relief=canvas.puff(mask, 1.5, 0.9), cast=0.4)
        canvas.seam(side, width=0.25, depth=0.25)
