"""A mug with a handle."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import WHITE, darker, lighter
from moderation.demo.looks import Look
from moderation.demo.paths import arc, curve, ellipse

from .glaze import barrel, gleam


def mug(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide, top, low = rng.uniform(25, 29), rng.uniform(22, 28), rng.uniform(82, 86)
    taper = rng.uniform(0, 3)
    ry = wide * 0.22
    x = 47.0
    handle = canvas.line(
        curve(
            [
                [x + wide - 2, top + 12], [x + wide + 9, top + 11], [x + wide + 15, top + 24],
                [x + wide + 10, low - 18], [x + wide - 3, low - 13],
            ],
            closed=False,
        ),
        width=rng.uniform(5, 6.4),
    )
    canvas.paint(handle, look.base, relief=canvas.puff(handle, 2.4, 1.5), gloss=0.5, shine=30)
    body = np.concatenate(
        [arc(x, top, wide, ry, 180, 0), arc(x, low - ry * 0.8, wide - taper, ry, 0, 180)]
    )
    mask = canvas.mask(body)
    slopes = barrel(canvas, wide, centre=x)
    canvas.paint(mask, look.dye(canvas, period=10), slopes=slopes, gloss=0.12, shine=8, cast=0.25)
    if look.pattern == "plain" and rng.random() < 0.4:
        band = (
            canvas.mask(
                np.concatenate(
                    [arc(x, low - 22, wide, ry, 180, 0), arc(x, low - 12, wide, ry, 0, 180)]
                )
            )
            * mask
        )
        canvas.paint(band, look.second, slopes=slopes, gloss=0.12, shine=8)
    gleam(canvas, mask, wide * 0.55 - (50 - x), top + 12, low - 14)
    rim = canvas.mask(ellipse(x, top, wide, ry))
    canvas.paint(rim, lighter(look.base, 0.2), gloss=0.2)
    inside = canvas.mask(ellipse(x, top + 0.3, wide - 2, ry - 1.2))
    inner = WHITE if rng.random() < 0.5 else look.base
    canvas.paint(
        inside,
        darker(inner, 0.12),
        slopes=canvas.round_normal(-np.clip((canvas.x - x) / wide, -1, 1) * 0.9, canvas.x * 0),
    )
    if rng.random() < 0.5:
        drink = canvas.mask(ellipse(x, top + 3.6, wide - 3.6, ry - 2.2)) * inside
        canvas.paint(drink, (0.26, 0.15, 0.09), relief=canvas.puff(drink, 1), gloss=0.15)
    canvas.stand(x + 1, low, wide)
