"""A zip jacket, of leather or quilted."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import STEEL, darker, lighter
from moderation.demo.looks import Look
from moderation.demo.paths import curve, flipped, mirror, rounded

from .cloth import BODY_FOLDS, SLEEVE_FOLDS, both_sides, cloth_relief, long_sleeve, torso


def jacket(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    leather = rng.random() < 0.5
    gloss, shine = (0.3, 14.0) if leather else (0.1, 8.0)
    waist, hem, reach = rng.uniform(23, 25), rng.uniform(81, 85), rng.uniform(38, 41)
    outline = long_sleeve(reach, 82)
    for side in (outline, flipped(outline)):
        mask = canvas.mask(side)
        canvas.paint(
            mask,
            look.base,
            relief=cloth_relief(canvas, mask, *both_sides(*SLEEVE_FOLDS)),
            gloss=gloss,
            shine=shine,
        )
    cuff = np.array([[50 + reach - 0.6, 77], [50 + reach - 9.8, 78.4]])
    canvas.seam(cuff, flipped(cuff), width=0.6, depth=0.4)
    inside = canvas.mask(curve([[41, 9], [50, 6], [59, 9], [56, 22], [50, 40], [44, 22]]))
    canvas.paint(inside, darker(look.base, 0.6))
    half = torso(canvas, shoulder=24, waist=waist, hem=hem)
    half[-1] = [50, hem, 1]
    neck = curve([[41, 4, 1], [43.5, 16], [50, 36, 1], [56.5, 16], [59, 4, 1]])
    mask = canvas.mask(curve(mirror(half)), holes=[neck])
    relief = cloth_relief(canvas, mask, *both_sides(*BODY_FOLDS))
    if not leather:
        relief = relief + np.float32(canvas.unit * 0.5) * np.abs(np.sin(canvas.y * np.pi / 11))
    canvas.paint(mask, look.base, relief=relief, gloss=gloss, shine=shine, cast=0.3)
    armhole = curve([[71.6, 15.2], [70.6, 23], [71.2, 35]], closed=False)
    canvas.seam(armhole, flipped(armhole), width=0.6, depth=0.4)
    _details(canvas, look, hem, waist, gloss)


def _details(canvas: Canvas, look: Look, hem: float, waist: float, gloss: float) -> None:
    band = canvas.mask(rounded(50 - waist - 1.4, hem - 6, 50 + waist + 1.4, hem + 0.8, 1.2))
    canvas.paint(
        band, darker(look.base, 0.06), relief=canvas.puff(band, 1.6), cast=0.3, gloss=gloss
    )
    slit = np.array([[62, 56], [68, 67]])
    canvas.seam(slit, flipped(slit), width=0.9, depth=0.5)
    canvas.paint(canvas.line(slit, flipped(slit), width=0.5), STEEL, opacity=0.8)
    zip_line = np.array([[50, 36], [50, hem + 0.5]])
    canvas.paint(canvas.line(zip_line, width=1.9), darker(look.base, 0.5))
    canvas.stitch(zip_line, STEEL, width=1.0, dash=0.45)
    pull = canvas.line([[50, 37], [50.4, 41.5]], width=1.5)
    canvas.paint(pull, STEEL, relief=canvas.puff(pull, 0.7), cast=0.5, gloss=0.5)
    lapel = curve(
        [
            [58, 6.6, 1], [63, 10.5], [66.5, 24, 1], [62, 27, 1], [63.5, 30, 1], [50.6, 40, 1],
            [56.5, 20],
        ]
    )
    for side in (lapel, flipped(lapel)):
        mask = canvas.mask(side)
        canvas.paint(
            mask,
            lighter(look.base, 0.04),
            relief=canvas.puff(mask, 1.6),
            cast=0.45,
            gloss=gloss,
            shine=14,
        )
    back = canvas.mask(
        curve([[42, 6.6, 1], [50, 3.4], [58, 6.6, 1], [59, 10, 1], [50, 7.4], [41, 10, 1]])
    )
    canvas.paint(back, look.base, relief=canvas.puff(back, 1.2), gloss=gloss)
