"""A mug with a handle."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import WHITE, darker, lighter
from moderation.demo.looks import Look
from moderation.demo.paths import arc, curve, ellipse

from .glaze import barrel, gleam

X = 47.0  # the middle of the body: the handle needs room
FLAT = 0.22  # of the opening's ellipse


def mug(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide, top, low = rng.uniform(25, 29), rng.uniform(22, 28), rng.uniform(82, 86)
    taper = rng.uniform(0, 3)
    _handle(canvas, look, wide, top, low)
    _body(canvas, look, wide, top, low, taper)
    _opening(canvas, look, wide, top)
    canvas.stand(X + 1, low, wide)


def _handle(canvas: Canvas, look: Look, wide: float, top: float, low: float) -> None:
    handle = canvas.line(
        curve(
            [
                [X + wide - 2, top + 12], [X + wide + 9, top + 11], [X + wide + 15, top + 24],
                [X + wide + 10, low - 18], [X + wide - 3, low - 13],
            ],
            closed=False,
        ),
        width=look.rng.uniform(5, 6.4),
    )
    canvas.paint(handle, look.base, relief=canvas.puff(handle, 2.4, 1.5), gloss=0.5, shine=30)


def _body(canvas: Canvas, look: Look, wide: float, top: float, low: float, taper: float) -> None:
    """The wall, on some with a band."""
    ry = wide * FLAT
    body = np.concatenate(
        [arc(X, top, wide, ry, 180, 0), arc(X, low - ry * 0.8, wide - taper, ry, 0, 180)]
    )
    mask = canvas.mask(body)
    slopes = barrel(canvas, wide, centre=X)
    canvas.paint(mask, look.dye(canvas, period=10), slopes=slopes, gloss=0.12, shine=8, cast=0.25)
    if look.pattern == "plain" and look.rng.random() < 0.4:
        outline = np.concatenate(
            [arc(X, low - 22, wide, ry, 180, 0), arc(X, low - 12, wide, ry, 0, 180)]
        )
        band = canvas.mask(outline) * mask
        canvas.paint(band, look.second, slopes=slopes, gloss=0.12, shine=8)
    gleam(canvas, mask, wide * 0.55 - (50 - X), top + 12, low - 14)


def _opening(canvas: Canvas, look: Look, wide: float, top: float) -> None:
    """Rim and inside, in some with a drink."""
    ry = wide * FLAT
    rim = canvas.mask(ellipse(X, top, wide, ry))
    canvas.paint(rim, lighter(look.base, 0.2), gloss=0.2)
    inside = canvas.mask(ellipse(X, top + 0.3, wide - 2, ry - 1.2))
    inner = WHITE if look.rng.random() < 0.5 else look.base
    canvas.paint(
        inside,
        darker(inner, 0.12),
        slopes=canvas.round_normal(-np.clip((canvas.x - X) / wide, -1, 1) * 0.9, canvas.x * 0),
    )
    if look.rng.random() < 0.5:
        drink = canvas.mask(ellipse(X, top + 3.6, wide - 3.6, ry - 2.2)) * inside
        canvas.paint(drink, (0.26, 0.15, 0.09), relief=canvas.puff(drink, 1), gloss=0.15)
