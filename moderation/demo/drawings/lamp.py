"""A table lamp, lit; the shade has the colour."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import GOLD, RGB, STEEL, WOOD, darker, luminance
from moderation.demo.fields import Field
from moderation.demo.looks import Look
from moderation.demo.paths import Outline, arc, curve, mirror, rounded

from .glaze import barrel

TOP = 6.0  # of the shade


def lamp(canvas: Canvas, look: Look) -> None:
    """A table lamp, lit: the shade has the product's colour."""
    rng = look.rng
    wide_top, wide_low = rng.uniform(14, 20), rng.uniform(27, 32)
    low = rng.uniform(42, 47)
    stem: RGB = (WOOD, STEEL, GOLD, darker(look.base, 0.35))[int(rng.integers(4))]
    foot = canvas.mask(
        np.concatenate([arc(50, 90, 18, 3.6, 180, 360), arc(50, 93, 18, 3.8, 0, 180)])
    )
    canvas.paint(foot, stem, slopes=barrel(canvas, 18, lean=-0.3), gloss=0.3, shine=14)
    _stem(canvas, stem, low, is_turned=rng.random() < 0.5)
    shade = _shade(canvas, look, wide_top, wide_low, low)
    _glow(canvas, shade, wide_low, low, strength=0.15 + 0.4 * luminance(look.base))
    for y, half_width, ry in ((TOP + 2, wide_top, 2.4), (low - 0.6, wide_low, 4.4)):
        canvas.paint(
            canvas.line(arc(50, y, half_width - 0.3, ry, 0, 180), width=1.0),
            darker(look.base, 0.22),
        )
    canvas.stand(50, 95.4, 20)


def _stem(canvas: Canvas, colour: RGB, low: float, *, is_turned: bool) -> None:
    """Turned like a vase, or a plain rod."""
    if is_turned:
        body: Outline = curve(
            mirror(
                [[50, low - 2], [52.4, low, 1], [52.6, 56], [60, 70], [59, 83], [53, 90], [50, 91]]
            )
        )
        half = np.interp(canvas.y, [low, 56, 70, 83, 90], [2.4, 2.8, 10, 9, 3.4])
    else:
        body = rounded(47.8, low - 2, 52.2, 91, 1)
        half = np.full_like(canvas.y, 2.4)
    across = (np.clip((canvas.x - 50) / half, -1, 1) * 0.95).astype(np.float32)
    slopes = canvas.round_normal(across, canvas.x * 0)
    canvas.paint(canvas.mask(body), colour, slopes=slopes, gloss=0.35, shine=14)


def _shade(canvas: Canvas, look: Look, wide_top: float, wide_low: float, low: float) -> Field:
    mask = canvas.mask(
        np.concatenate(
            [arc(50, TOP + 2, wide_top, 2.4, 180, 360), arc(50, low, wide_low, 4.4, 0, 180)]
        )
    )
    half = np.interp(canvas.y, [TOP, low], [wide_top, wide_low])
    across = (np.clip((canvas.x - 50) / half, -1, 1) * 0.9).astype(np.float32)
    canvas.paint(
        mask,
        look.dye(canvas, period=8),
        slopes=canvas.round_normal(across, np.full_like(canvas.x, -0.15)),
        gloss=0.05,
        cast=0.4,
        ambient=0.6,
    )
    return mask


def _glow(canvas: Canvas, shade: Field, wide_low: float, low: float, *, strength: float) -> None:
    """The light of the bulb behind the shade."""
    glow = np.exp(-(((canvas.x - 50) / (wide_low * 0.62)) ** 2) - ((canvas.y - low + 11) / 15) ** 2)
    warm = shade * glow.astype(np.float32) * np.float32(strength)
    canvas.rgb += (
        warm[..., None] * (np.array([1.0, 0.93, 0.74], np.float32) - canvas.rgb) * np.float32(0.8)
    )
