"""A backpack with a front pocket."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import RGB, STEEL, contrast, darker, mix
from moderation.demo.looks import Look
from moderation.demo.paths import arc, curve, mirror, rounded


def backpack(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide = rng.uniform(27, 30)
    second = look.second if rng.random() < 0.35 else darker(look.base, 0.18)
    loop = canvas.line(arc(50, 11, 7, 7, 170, 370), width=2.6)
    canvas.paint(loop, darker(look.base, 0.4), relief=canvas.puff(loop, 1.2))
    _straps(canvas, look, wide)
    body = curve(
        mirror(
            [
                [50, 8], [50 + wide * 0.62, 10], [50 + wide * 0.95, 20], [50 + wide, 44],
                [50 + wide + 1, 84], [50 + wide - 4, 92], [50, 93],
            ]
        )
    )
    mask = canvas.mask(body)
    relief = (
        canvas.puff(mask, 2)
        + canvas.puff(mask, 9, 1.1)
        + canvas.noise(24) * np.float32(canvas.unit * 0.6)
    )
    canvas.paint(mask, look.dye(canvas, period=8), relief=relief)
    zip_line = curve(
        [
            [50 - wide + 4, 52], [50 - wide + 5, 28], [50 - wide * 0.5, 17], [50, 15.4],
            [50 + wide * 0.5, 17], [50 + wide - 5, 28], [50 + wide - 4, 52],
        ],
        closed=False,
    )
    canvas.paint(canvas.line(zip_line, width=1.8), darker(look.base, 0.5))
    canvas.stitch(zip_line, mix(STEEL, look.base, 0.3), width=0.6, dash=0.4)
    _pocket(canvas, look, wide, second)
    canvas.stand(50, 93, 31)


def _straps(canvas: Canvas, look: Look, wide: float) -> None:
    """What shows of the shoulder straps and the side pockets."""
    for side in (1, -1):
        strap = canvas.line(
            curve(
                [
                    [50 + side * (wide - 5), 20], [50 + side * (wide + 5), 40],
                    [50 + side * (wide + 4), 74], [50 + side * (wide - 3), 88],
                ],
                closed=False,
            ),
            width=5.4,
        )
        canvas.paint(strap, darker(look.base, 0.45), relief=canvas.puff(strap, 2))
        pocket = canvas.mask(
            curve(
                [
                    [50 + side * (wide - 3), 58, 1], [50 + side * (wide + 5), 62],
                    [50 + side * (wide + 5.5), 84], [50 + side * (wide - 3), 90, 1],
                ]
            )
        )
        canvas.paint(pocket, darker(look.base, 0.25), relief=canvas.puff(pocket, 2))


def _pocket(canvas: Canvas, look: Look, wide: float, second: RGB) -> None:
    """The front pocket, its zip, the pulls and the leather patch."""
    front = curve(
        mirror(
            [
                [50, 54], [50 + wide - 7, 55], [50 + wide - 4.6, 60], [50 + wide - 4, 80],
                [50 + wide - 7, 87.5], [50, 88.5],
            ]
        )
    )
    mask = canvas.mask(front)
    relief = canvas.puff(mask, 2) + canvas.puff(mask, 7, 1.0)
    canvas.paint(mask, second, relief=relief, cast=0.5)
    pocket_zip = curve([[50 - wide + 7, 64], [50, 62.4], [50 + wide - 7, 64]], closed=False)
    canvas.paint(canvas.line(pocket_zip, width=1.7), darker(second, 0.5))
    canvas.stitch(pocket_zip, mix(STEEL, second, 0.3), width=0.6, dash=0.4)
    for x, y in ((50 - wide + 9, 64), (50 + wide - 5, 50)):
        pull = canvas.line([[x, y], [x + 0.4, y + 5.5]], width=1.7)
        canvas.paint(pull, contrast(look.base), relief=canvas.puff(pull, 0.8), cast=0.5)
    patch = canvas.mask(rounded(44, 34, 56, 41, 1.2))
    canvas.paint(
        patch, mix(look.base, (0.55, 0.36, 0.22), 0.85), relief=canvas.puff(patch, 0.7), cast=0.35
    )
    canvas.seam(
        np.array([[46, 36.6], [54, 36.6]]),
        np.array([[47.5, 38.6], [52.5, 38.6]]),
        width=0.4,
        depth=0.3,
    )
