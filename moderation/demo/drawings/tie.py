"""A knotted tie."""

# Outlines are tables of points, and read best as tables.
# fmt: off

from moderation.demo.canvas import Canvas
from moderation.demo.colours import darker
from moderation.demo.looks import Look
from moderation.demo.paths import curve


def tie(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide, end = rng.uniform(9.5, 12), rng.uniform(98, 103)
    _behind(canvas, look)
    _blade(canvas, look, wide, end)
    _knot(canvas, look)


def _behind(canvas: Canvas, look: Look) -> None:
    """The narrow end, and the band around the neck."""
    under = canvas.mask(
        curve([[48, 20, 1], [55, 20, 1], [57, 70], [58.5, 88, 1], [54, 93, 1], [50, 88, 1]])
    )
    canvas.paint(under, darker(look.base, 0.3), relief=canvas.puff(under, 1.5))
    for side in (1, -1):
        band = canvas.mask(
            curve(
                [
                    [50, 6, 1], [50 + side * 10, 1.5], [50 + side * 17, -2, 1],
                    [50 + side * 19, 2.4, 1], [50 + side * 10, 8], [50 + side * 2, 13, 1],
                ]
            )
        )
        canvas.paint(band, darker(look.base, 0.14), relief=canvas.puff(band, 1.2), gloss=0.12)


def _blade(canvas: Canvas, look: Look, wide: float, end: float) -> None:
    blade = curve(
        [
            [46.4, 17, 1], [53.6, 17, 1], [50 + wide * 0.62, 50], [50 + wide, end - 12, 1],
            [50, end, 1], [50 - wide, end - 12, 1], [50 - wide * 0.62, 50],
        ]
    )
    mask = canvas.mask(blade)
    relief = (
        canvas.puff(mask, 1.4)
        + canvas.puff(mask, 5, 0.9)
        + canvas.folds(
            (50, 16, 47, 46, 1.6, -0.9), (52, 18, 53, 60, 1.8, 0.5), (48, 18, 44.5, 70, 2, 0.4)
        )
    )
    canvas.paint(
        mask, look.dye(canvas, period=6.5, turn=-38), relief=relief, gloss=0.16, shine=9, cast=0.4
    )


def _knot(canvas: Canvas, look: Look) -> None:
    knot = canvas.mask(
        curve(
            [
                [43.4, 4.5, 1], [50, 3.4], [56.6, 4.5, 1], [55.6, 12], [53.4, 18.6, 1], [50, 19.4],
                [46.6, 18.6, 1], [44.4, 12],
            ]
        )
    )
    relief = canvas.puff(knot, 2.2, 1.2) + canvas.folds((45, 6, 53, 17, 1.4, -0.5))
    canvas.paint(
        knot, look.dye(canvas, period=6.5, turn=38), relief=relief, gloss=0.18, shine=9, cast=0.5
    )
