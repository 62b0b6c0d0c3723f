"""A pair of jeans."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import GOLD, RGB, darker, lighter, luminance
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse, flipped, rounded

from .cloth import both_sides, cloth_relief


def jeans(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    waist, leg = rng.uniform(14.5, 16.5), rng.uniform(7.0, 11.5)
    foot, out = 104.0, rng.uniform(17, 21)
    half = curve(
        [
            [50, 2.5, 1], [50 + waist, 2, 1], [50 + waist + 2.5, 16], [50 + waist + 3.8, 32],
            [50 + out + 0.5, 66], [50 + out, foot, 1], [50 + out - leg * 1.35, foot + 1.2, 1],
            [52.5, 62], [50.6, 33, 1], [50, 30, 1],
        ]
    )
    denim = look.base
    folds = [
        (52, 33, 64, 28, 1.4, 0.9), (52, 36, 66, 35, 1.5, -0.7), (53, 40, 66, 44, 1.6, 0.6),
        (54, 62, 68, 60, 1.4, 0.7), (54, 66, 68, 68, 1.4, -0.6), (56, 90, 68, 92, 1.3, 0.7),
        (56, 96, 68, 95, 1.2, -0.6), (61, 44, 62, 100, 3.2, 0.9),
    ]
    for side in (half, flipped(half)):
        mask = canvas.mask(side)
        relief = cloth_relief(canvas, mask, *both_sides(*folds))
        canvas.paint(mask, denim, relief=relief, cast=0.15)
        fade = canvas.folds((60, 26, 61, 62, 4.5, 1), (40, 26, 39, 62, 4.5, 1)) / np.float32(
            canvas.unit
        )
        canvas.tone(np.clip(fade, 0, 1) * mask, 0.14)
        canvas.tone(np.clip(canvas.noise(1.2, 1.6), -1, 1) * mask, -0.05)
    thread = GOLD if luminance(denim) < 0.6 and rng.random() < 0.7 else darker(denim, 0.3)
    _details(canvas, look, waist, thread)


def _details(canvas: Canvas, look: Look, waist: float, thread: RGB) -> None:
    rise = curve([[50, 8], [50.2, 20], [50.2, 31]], closed=False)
    canvas.seam(rise, width=0.6, depth=0.45)
    fly = curve([[54.2, 8.6], [54.2, 20], [50.6, 27]], closed=False)
    canvas.stitch(fly, thread)
    pocket = curve([[54.8 + waist * 0.18, 8.4], [58, 14], [51.8 + waist, 15.6]], closed=False)
    for side in (pocket, flipped(pocket)):
        canvas.seam(side, width=0.5, depth=0.4)
        canvas.stitch(side + np.array([0, 1.3]), thread)
    inseam = curve(
        [[50 + waist + 1.2, 9], [50 + waist + 2.4, 30], [50 + waist + 2.3, 48]], closed=False
    )
    canvas.stitch(inseam - np.array([1.4, 0]), thread, width=0.25)
    canvas.stitch(flipped(inseam - np.array([1.4, 0])), thread, width=0.25)
    inner = canvas.mask(
        curve([[50 - waist + 0.4, 2.2, 1], [50, 0.4], [50 + waist - 0.4, 2.2, 1], [50, 5]])
    )
    canvas.paint(inner, darker(look.base, 0.5))
    band = canvas.mask(
        curve(
            [
                [50 - waist, 2, 1], [50, 3.6], [50 + waist, 2, 1], [50 + waist + 0.9, 7.4, 1],
                [50, 9.2], [50 - waist - 0.9, 7.4, 1],
            ]
        )
    )
    canvas.paint(band, lighter(look.base, 0.04), relief=canvas.puff(band, 1.2), cast=0.3)
    for x in (50 - waist * 0.66, 50 + waist * 0.66):
        loop = canvas.mask(rounded(x - 0.9, 1.6, x + 0.9, 9.4, 0.5))
        canvas.paint(loop, look.base, relief=canvas.puff(loop, 0.7), cast=0.45)
    stud = canvas.mask(ellipse(51.4, 6.2, 1.3, 1.3))
    canvas.paint(stud, GOLD, relief=canvas.puff(stud, 0.7, 1.5), cast=0.4, gloss=0.5)
