"""How cloth lies: the relief of a filled garment, and the parts that tops share."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import RGB
from moderation.demo.fields import Field, Fold
from moderation.demo.looks import Look
from moderation.demo.paths import Outline, curve, flipped


def cloth_relief(canvas: Canvas, mask: Field, *folds: Fold, edge: float = 1.6) -> Field:
    """Relief of a filled garment: a body, rolled edges, the folds given and small waviness."""
    rng = canvas.rng
    relief = canvas.puff(mask, edge, 0.7) + canvas.puff(mask, 7, 0.55)
    relief = relief + canvas.noise(22, 34) * np.float32(canvas.unit * 1.3)
    relief = relief + canvas.noise(9, 20) * np.float32(canvas.unit * 0.25)
    moved: list[Fold] = []
    for x0, y0, x1, y1, width, height in folds:
        sway = rng.normal(0, 0.8, 4)
        wide, high = width * rng.uniform(0.8, 1.25), height * rng.uniform(0.6, 1.25)
        moved.append((x0 + sway[0], y0 + sway[1], x1 + sway[2], y1 + sway[3], wide, high))
    return relief + canvas.folds(*moved)


def both_sides(*folds: Fold) -> list[Fold]:
    """The folds and their mirror images."""
    out = list(folds)
    for x0, y0, x1, y1, width, height in folds:
        out.append((100 - x0, y0, 100 - x1, y1, width, height))
    return out


def torso(canvas: Canvas, *, shoulder: float, waist: float, hem: float) -> list[list[float]]:
    """Right half of a shirt's body from the neck to the hem, without sleeve."""
    return [
        [59, 10, 1], [50 + shoulder, 16, 1], [50 + shoulder - 2, 34, 1], [50 + waist, 58],
        [50 + waist + 0.8, hem - 6], [50 + waist + 1.2, hem, 1], [50, hem + 0.8],
    ]


BODY_FOLDS = (
    (70, 36, 58, 48, 1.7, 0.75), (69, 40, 60, 62, 2.0, -0.6), (62, 60, 66, 90, 2.2, 0.8),
    (57, 66, 54, 92, 2.4, -0.6), (66, 16, 62, 30, 2.0, 0.5),
)


def long_sleeve(reach: float, end: float) -> Outline:
    return curve(
        [
            [66, 13.6, 1], [74.5, 16.4], [79, 24], [50 + reach - 2, 54], [50 + reach, end, 1],
            [50 + reach - 9, end + 1.6, 1], [50 + reach - 12.5, 57], [71, 36, 1],
        ]
    )


SLEEVE_FOLDS = (
    (73, 20, 80, 46, 1.8, 0.8), (75, 40, 85, 44, 1.5, 0.7), (76, 47, 86, 53, 1.6, -0.7),
    (79, 56, 88, 58, 1.4, 0.7), (81, 64, 88, 70, 1.4, -0.6), (82, 74, 90, 75, 1.2, 0.5),
)


def paint_sleeves(
    canvas: Canvas, look: Look, dyed: RGB | Field, reach: float, end: float, cuff: float
) -> None:
    outline = long_sleeve(reach, end)
    for side in (outline, flipped(outline)):
        mask = canvas.mask(side)
        relief = cloth_relief(canvas, mask, *both_sides(*SLEEVE_FOLDS))
        canvas.paint(mask, dyed, relief=relief)
    edge = np.array([[50 + reach - 0.6, end - cuff], [50 + reach - 9.8, end - cuff + 1.4]])
    canvas.seam(edge, flipped(edge), width=0.5, depth=0.35)
