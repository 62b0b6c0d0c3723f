"""An upholstered chair."""

# Outlines are tables of points, and read best as tables.
# fmt: off

from moderation.demo.canvas import Canvas
from moderation.demo.colours import DARK, STEEL, WOOD, darker, luminance
from moderation.demo.looks import Look
from moderation.demo.paths import curve


def chair(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wood = WOOD if rng.random() < 0.6 else DARK if luminance(look.base) > 0.25 else STEEL
    for x0, x1, y1 in ((36, 33, 88), (68, 71, 86)):
        leg = canvas.line([[x0, 58], [x1, y1]], width=2.6)
        canvas.paint(leg, darker(wood, 0.3), relief=canvas.puff(leg, 1.2, 1.3))
        canvas.stand(x1, y1 + 1, 5, strength=0.35)
    back = curve(
        [
            [27, 12], [36, 6.5], [52, 5.5], [66, 7], [74, 13], [75, 30], [72, 54], [64, 60],
            [38, 60], [29, 54], [26, 30],
        ]
    )
    mask = canvas.mask(back)
    relief = canvas.puff(mask, 2.4, 1.1) + canvas.puff(mask, 8, 0.8)
    if rng.random() < 0.5:
        relief = relief - canvas.folds(*((x, 0, x, 66, 0.9, 0.9) for x in (38, 50.5, 63)))
    canvas.paint(mask, look.dye(canvas, period=8), relief=relief, gloss=0.08)
    seat = curve(
        [
            [22, 58], [32, 53.5], [50, 52.5], [69, 53.5], [78, 58], [79, 63], [70, 67.5], [50, 69],
            [30, 67.5], [21, 63],
        ]
    )
    mask = canvas.mask(seat)
    canvas.paint(
        mask,
        look.dye(canvas, period=8),
        relief=canvas.puff(mask, 2.4, 1.2) + canvas.puff(mask, 6, 0.7),
        cast=0.5,
        gloss=0.08,
    )
    for x0, x1, y1 in ((28, 22, 95), (72, 79, 94)):
        leg = canvas.line([[x0, 66], [x1, y1]], width=3)
        canvas.paint(leg, wood, relief=canvas.puff(leg, 1.4, 1.4), gloss=0.15)
        canvas.stand(x1, y1 + 1.2, 6)
    rail = canvas.mask(
        curve([[24, 65.5, 1], [50, 69.5], [76, 65.5, 1], [76, 68.6, 1], [50, 72.4], [24, 68.6, 1]])
    )
    canvas.paint(rail, wood, relief=canvas.puff(rail, 1, 1.2), cast=0.2)
