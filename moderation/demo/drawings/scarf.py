"""A scarf looped once, both ends hanging."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import RGB, darker
from moderation.demo.fields import Field
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse


def scarf(canvas: Canvas, look: Look) -> None:
    """A scarf looped once, both ends hanging."""
    rng = look.rng
    dyed = look.dye(canvas, period=9)
    knit = (np.sin(canvas.x * 4.4) * np.float32(0.14 * canvas.unit)).astype(np.float32)
    lengths = (rng.uniform(90, 96), rng.uniform(82, 92))
    for (x, swing), end in zip(((57.5, 5), (42, -5)), lengths, strict=True):
        tail = curve(
            [
                [x - 8, 38, 1], [x + 8, 38, 1], [x + 9 + swing * 0.5, 62],
                [x + 9.5 + swing, end, 1], [x - 9 + swing, end + 1, 1],
                [x - 8.5 + swing * 0.5, 62],
            ]
        )
        _fringe(canvas, look, x + swing, end)
        mask = canvas.mask(tail)
        folds = [
            (x + d, 40, x + d * 1.3 + swing, end, 1.8, s)
            for d, s in ((-4, 0.9), (0, -0.8), (4, 0.9))
        ]
        canvas.paint(
            mask, dyed, relief=canvas.puff(mask, 2.2) + canvas.folds(*folds) + knit, cast=0.4
        )
    _loop(canvas, look, dyed, knit)


def _loop(canvas: Canvas, look: Look, dyed: RGB | Field, knit: Field) -> None:
    """The turn about the neck."""
    hole = canvas.mask(ellipse(50, 22, 18, 9))
    canvas.paint(hole, darker(look.base, 0.6))
    loop = curve(
        [
            [20, 25], [23, 13], [36, 7.5], [50, 6.5], [64, 7.5], [77, 13], [80, 25], [76, 38],
            [62, 47], [50, 49], [38, 47], [24, 38],
        ]
    )
    mask = canvas.mask(
        loop,
        holes=[
            curve(
                [
                    [32, 23], [38, 16.5], [50, 14.5], [62, 16.5], [68, 23], [61, 27], [50, 28.5],
                    [39, 27],
                ]
            )
        ],
    )
    ridges = []
    for shift, sign in ((0, 0.9), (4, -1.0), (8.5, 0.9), (13, -0.8)):
        ridges += [
            (24, 22 + shift * 0.8, 50, 33 + shift, 1.9, sign),
            (50, 33 + shift, 76, 22 + shift * 0.8, 1.9, sign),
        ]
    relief = canvas.puff(mask, 2.5) + canvas.puff(mask, 6, 1.0) + canvas.folds(*ridges) + knit
    canvas.paint(mask, dyed, relief=relief, cast=0.5)


def _fringe(canvas: Canvas, look: Look, x: float, end: float) -> None:
    rng = look.rng
    strands = [
        curve(
            [
                [x + d, end - 2], [x + d + rng.normal(0, 0.4), end + 3],
                [x + d + rng.normal(0, 0.8), end + 7.5],
            ],
            closed=False,
        )
        for d in np.linspace(-8.4, 8.8, 10)
    ]
    mask = canvas.line(*strands, width=1.1)
    canvas.paint(mask, darker(look.base, 0.08), relief=canvas.puff(mask, 0.7))
