"""An ankle boot from the side, toe to the right."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import (
    DARK,
    GOLD,
    RGB,
    WHITE,
    contrast,
    darker,
    lighter,
    luminance,
    mix,
)
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse


def boot(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    top = rng.uniform(6, 22)
    width = rng.uniform(27, 31)
    gloss = rng.uniform(0.15, 0.3)
    sole = DARK if rng.random() < 0.7 else darker(look.base, 0.7)
    upper = curve(
        [
            [17, top, 1], [30, top + 1.5], [17 + width, top, 1], [18 + width, 30],
            [19 + width, 46], [54, 54], [66, 58.5], [80, 62], [89, 68], [90.5, 78], [89, 82, 1],
            [16, 82, 1], [14.6, 70], [18, 58], [18.5, 40],
        ]
    )
    hole = canvas.mask(ellipse(17 + width / 2, top + 0.4, width / 2, 2.0))
    mask = canvas.mask(upper)
    relief = (
        canvas.puff(mask, 2, 0.9)
        + canvas.puff(mask, 8, 1.1)
        + canvas.noise(16) * np.float32(canvas.unit * 0.6)
    )
    relief = relief + canvas.folds(
        (22, 58, 46, 50, 1.6, 0.9), (20, 62, 50, 56, 1.6, -0.8), (20, 46, 44, 44, 2.0, 0.5),
        (64, 60, 60, 76, 2.0, 0.5),
    )
    canvas.paint(mask, look.base, relief=relief, gloss=gloss, shine=16)
    canvas.paint(hole, darker(look.base, 0.6))
    toe = curve([[68, 81], [67, 70], [72, 61.5]], closed=False)
    heel = curve([[30, 81], [31, 68], [24, 60], [18, 57]], closed=False)
    canvas.seam(toe, heel, width=0.6, depth=0.4)
    canvas.stitch(toe - np.array([1.3, 0]), mix(look.base, contrast(look.base), 0.5))
    if rng.random() < 0.6:
        _laces(canvas, look, top, width)
    else:
        _elastic(canvas, look, top)
    _boot_sole(canvas, look, sole)
    canvas.stand(28, 93, 18, strength=0.55)
    canvas.stand(66, 89.5, 28, strength=0.45)


def _boot_sole(canvas: Canvas, look: Look, sole: RGB) -> None:
    """Welt, sole and heel block."""
    welt = canvas.mask(
        curve(
            [
                [13.5, 79.5, 1], [40, 81.5], [70, 81.6], [92, 78.5, 1], [93, 82], [90, 85, 1],
                [14, 85, 1],
            ]
        )
    )
    canvas.paint(welt, lighter(sole, 0.1), relief=canvas.puff(welt, 1), cast=0.3)
    base = canvas.mask(
        curve(
            [
                [14, 83.5, 1], [91, 83.5, 1], [90, 87.5], [84, 89, 1], [48, 88, 1], [42, 86.4, 1],
                [41, 93, 1], [14, 93, 1],
            ]
        )
    )
    canvas.paint(base, sole, relief=canvas.puff(base, 1.2), gloss=0.1)


def _laces(canvas: Canvas, look: Look, top: float, width: float) -> None:
    front = 18.5 + width
    stay = canvas.mask(
        curve(
            [
                [front - 9, top + 1, 1], [front - 1, top + 1, 1], [front + 1, 46], [60, 56],
                [66, 60], [60, 66], [48, 60], [front - 10, 46],
            ]
        )
    )
    canvas.paint(stay, darker(look.base, 0.15), relief=canvas.puff(stay, 1.6), cast=0.3, gloss=0.15)
    lace = contrast(look.base) if look.rng.random() < 0.5 else mix(look.base, DARK, 0.7)
    if luminance(look.base) < 0.2:
        lace = mix(look.base, WHITE, 0.45)
    for y in np.linspace(top + 5, 46, max(4, round((46 - top) / 6))):
        cross = canvas.line(np.array([[front - 8, y + 2.4], [front - 0.5, y - 1.2]]), width=1.5)
        canvas.paint(cross, lace, relief=canvas.puff(cross, 0.7), cast=0.5)
        canvas.paint(canvas.dots([[front - 8, y + 2.4]], 1.1), GOLD)
    for x, y in ((52, 53), (57, 56.5)):
        cross = canvas.line(np.array([[x - 4, y + 4], [x + 3, y - 0.5]]), width=1.5)
        canvas.paint(cross, lace, relief=canvas.puff(cross, 0.7), cast=0.5)


def _elastic(canvas: Canvas, look: Look, top: float) -> None:
    gore = canvas.mask(curve([[27, top + 1, 1], [38, top + 1, 1], [37, 36], [33, 50, 1], [28, 36]]))
    relief = canvas.puff(gore, 1.2) + np.float32(canvas.unit * 0.2) * np.sin(canvas.x * 5)
    canvas.paint(gore, darker(look.base, 0.3), relief=relief, cast=0.2)
    tab = canvas.line(
        curve([[20.5, top + 5], [20, top - 3], [24.5, top - 3], [24.5, top + 5]], closed=False),
        width=1.6,
    )
    canvas.paint(tab, darker(look.base, 0.1), relief=canvas.puff(tab, 0.8), cast=0.3)
