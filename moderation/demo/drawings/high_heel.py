"""A high-heeled shoe from the side, toe to the right."""

# Outlines are tables of points, and read best as tables.
# fmt: off

from moderation.demo.canvas import Canvas
from moderation.demo.colours import DARK, darker, mix
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse, rounded


def high_heel(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    lift = rng.uniform(0, 5)
    gloss = rng.uniform(0.25, 0.5)
    _heel(canvas, look, lift, gloss)
    inside = canvas.mask(
        curve(
            [
                [9, 36 - lift, 1], [18, 38 - lift], [36, 52 - lift * 0.6], [58, 72], [70, 76],
                [62, 80], [44, 68], [24, 54 - lift],
            ]
        )
    )
    canvas.paint(inside, mix((0.80, 0.68, 0.54), look.base, 0.15), relief=canvas.puff(inside, 2))
    upper = curve(
        [
            [8.2, 34 - lift, 1], [12, 37 - lift], [18, 48 - lift], [32, 57 - lift * 0.6], [46, 69],
            [58, 76.5], [66, 75], [71, 71, 1], [80, 76], [90, 82], [95.5, 86.4], [90, 88],
            [66, 88], [52, 79], [36, 66 - lift * 0.5], [20, 60 - lift], [10, 53 - lift],
            [7.2, 44 - lift],
        ]
    )
    mask = canvas.mask(upper)
    relief = canvas.puff(mask, 1.6) + canvas.puff(mask, 5, 1.2)
    canvas.paint(mask, look.base, relief=relief, gloss=gloss, shine=22, cast=0.4)
    if rng.random() < 0.35:
        bow = canvas.mask(
            curve([[75, 72.5, 1], [68, 67], [66, 73], [69, 76]]),
            curve([[75, 72.5, 1], [81, 69], [84, 75], [79, 78]]),
            ellipse(75, 73, 2, 2),
        )
        canvas.paint(
            bow, darker(look.base, 0.1), relief=canvas.puff(bow, 1.5), gloss=gloss, cast=0.4
        )
    canvas.stand(13.8, 88.8, 6, strength=0.5)
    canvas.stand(76, 89, 22, strength=0.55)


def _heel(canvas: Canvas, look: Look, lift: float, gloss: float) -> None:
    """The spike with its tip, and the sole."""
    spike = canvas.mask(
        curve(
            [
                [9, 50 - lift, 1], [24, 58 - lift, 1], [19, 66], [16.4, 76], [15.6, 88, 1],
                [11.6, 88, 1], [11.4, 76], [9.6, 62],
            ]
        )
    )
    canvas.paint(
        spike, darker(look.base, 0.12), relief=canvas.puff(spike, 2, 1.2), gloss=gloss, shine=20
    )
    tip = canvas.mask(rounded(11.2, 86.6, 16, 89, 0.4))
    canvas.paint(tip, DARK)
    under = canvas.mask(
        curve(
            [
                [20, 58 - lift], [36, 63 - lift * 0.6], [52, 76], [64, 86.5], [86, 87.5],
                [94, 86.5, 1], [93, 88.6], [80, 89.4], [62, 89], [48, 80], [34, 68 - lift * 0.5],
                [18, 62 - lift],
            ]
        )
    )
    canvas.paint(
        under, mix(darker(look.base, 0.4), (0.6, 0.45, 0.32), 0.25), relief=canvas.puff(under, 0.8)
    )
