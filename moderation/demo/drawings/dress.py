"""A sleeveless dress with a pleated skirt."""

# Outlines are tables of points, and read best as tables.
# fmt: off

from moderation.demo.canvas import Canvas
from moderation.demo.colours import darker
from moderation.demo.looks import Look
from moderation.demo.paths import curve, flipped, mirror

from .cloth import both_sides, cloth_relief


def dress(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    flare, hem = rng.uniform(24, 33), rng.uniform(97, 101)
    waist, y_waist = rng.uniform(11.5, 13.5), rng.uniform(40, 44)
    strap = rng.random() < 0.45
    outline = curve(
        mirror(
            [
                [57, 2 if strap else 3.5, 1], [59.5, 2 if strap else 4, 1],
                [62.5 if strap else 66, 8, strap], [63, 18, 1], [64.5, 25],
                [50 + waist, y_waist, 1], [50 + waist + flare * 0.42, 62],
                [50 + flare, hem - 4, 1], [50 + flare * 0.5, hem - 0.6], [50, hem + 0.6],
            ]
        )
    )
    neck = curve([[42.8, 0, 1], [43.5, 10], [50, 16 if strap else 13], [56.5, 10], [57.2, 0, 1]])
    back = canvas.mask(
        curve([[42.6, 3, 1], [50, 8.6], [57.4, 3, 1], [56.6, 12], [50, 18], [43.4, 12]])
    )
    canvas.paint(back, darker(look.base, 0.45))
    mask = canvas.mask(outline, holes=[neck])
    pleats = []
    count = int(rng.integers(5, 8))
    for i in range(count):
        share = (i + 0.5) / count * 2 - 1
        top, low = 50 + share * waist * 0.95, 50 + share * flare * 1.0
        pleats.append((top, y_waist + 1, low, hem + 14, 2.3, 1.7))
        pleats.append((top + 1.6, y_waist + 3, low + 3.8, hem + 12, 2.0, -1.3))
    relief = cloth_relief(
        canvas, mask, *both_sides((62, 24, 55, 30, 1.5, 0.5), (61, 36, 54, 30, 1.4, -0.5)), *pleats
    )
    canvas.paint(mask, look.dye(canvas, period=6), relief=relief)
    _trim(canvas, look, waist, y_waist, strap)


def _trim(canvas: Canvas, look: Look, waist: float, y_waist: float, strap: bool) -> None:
    """Sash and neckline."""
    sash = canvas.mask(
        curve(
            mirror(
                [
                    [50 + waist + 0.3, y_waist - 1.6, 1], [50 + waist + 0.3, y_waist + 1.8, 1],
                    [50, y_waist + 2.6],
                ]
            )
        )
    )
    canvas.paint(sash, darker(look.base, 0.18), relief=canvas.puff(sash, 1), cast=0.35)
    if not strap:
        armhole = curve([[65.5, 8], [62.4, 14], [63, 18]], closed=False)
        canvas.seam(armhole, flipped(armhole), width=0.3, depth=0.2)
    canvas.seam(
        curve(
            [[43.2, 4], [44, 10.4], [50, 16.8 if strap else 13.8], [56, 10.4], [56.8, 4]],
            closed=False,
        ),
        width=0.5,
        depth=0.25,
    )
