"""A drinking bottle with a screw cap."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import DARK, RGB, STEEL, luminance
from moderation.demo.fields import Field
from moderation.demo.looks import Look
from moderation.demo.paths import arc, curve, mirror, rounded

from .glaze import barrel, gleam


def bottle(canvas: Canvas, look: Look) -> None:
    """A drinking bottle with a screw cap."""
    rng = look.rng
    wide, neck = rng.uniform(14, 18), rng.uniform(6.5, 9)
    shoulder, low = rng.uniform(27, 33), 96.0
    cap = DARK if rng.random() < 0.5 and luminance(look.base) > 0.2 else STEEL
    mask = _body(canvas, look, neck, wide, shoulder, low)
    base = (
        canvas.mask(
            np.concatenate(
                [arc(50, low - 8, wide + 1, 1.6, 180, 0), arc(50, low, wide + 1, 1.6, 0, 180)]
            )
        )
        * mask
    )
    canvas.paint(base, STEEL, slopes=barrel(canvas, wide), gloss=0.3)
    _top(canvas, look, neck, wide, cap)
    canvas.stand(50, low, wide * 1.05)


def _body(
    canvas: Canvas, look: Look, neck: float, wide: float, shoulder: float, low: float
) -> Field:
    """Neck, shoulder and belly in the product's colour, with two reflections."""
    outline = curve(
        mirror(
            [
                [50, 17], [50 + neck, 17, 1], [50 + neck + 0.2, 20],
                [50 + (neck + wide) * 0.56, shoulder - 4], [50 + wide - 0.6, shoulder + 3],
                [50 + wide, shoulder + 9, 1], [50 + wide, low - 4, 1], [50 + wide - 1.6, low - 1],
                [50, low + 0.6],
            ]
        )
    )
    mask = canvas.mask(outline)
    rows = np.interp(
        canvas.y,
        [17, 20, shoulder - 4, shoulder + 3, shoulder + 9],
        [neck, neck + 0.4, (neck + wide) * 0.57, wide - 0.4, wide + 0.2],
    )
    lean = np.interp(canvas.y, [17, 21, shoulder, shoulder + 9], [0, -0.35, -0.35, 0]).astype(
        np.float32
    )
    across = np.clip((canvas.x - 50) / rows, -1, 1).astype(np.float32) * np.float32(0.95)
    canvas.paint(
        mask,
        look.dye(canvas, period=10),
        slopes=canvas.round_normal(across, lean),
        gloss=0.3,
        shine=10,
    )
    gleam(canvas, mask, wide * 0.5, shoulder + 6, low - 8, width=2.4, strength=0.5)
    gleam(canvas, mask, -wide * 0.72, shoulder + 8, low - 10, width=1.0, strength=0.22)
    return mask


def _top(canvas: Canvas, look: Look, neck: float, wide: float, cap: RGB) -> None:
    """Screw cap, carrying loop and label."""
    rng = look.rng
    top = canvas.mask(rounded(50 - neck - 1.4, 5, 50 + neck + 1.4, 18, 1.8))
    across, down = barrel(canvas, neck + 1.4)
    ridges = (np.sin(canvas.x * 4.5) * 0.35).astype(np.float32)
    canvas.paint(top, cap, slopes=(across + ridges, down), gloss=0.3, cast=0.3)
    if rng.random() < 0.6:
        loop = canvas.line(arc(50, 6, 6.5, 6.5, 180, 360), width=2)
        canvas.paint(loop, cap, relief=canvas.puff(loop, 0.9, 1.3), gloss=0.3)
    if look.pattern == "plain" and rng.random() < 0.6:
        label = canvas.mask(rounded(50 - wide * 0.36, 55, 50 + wide * 0.36, 62, 1))
        canvas.paint(label, look.second, slopes=barrel(canvas, wide), opacity=0.9)
