"""A teapot."""

# Outlines are tables of points, and read best as tables.
# fmt: off

from moderation.demo.canvas import Canvas
from moderation.demo.colours import GOLD, darker
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse, mirror, rounded

from .glaze import barrel


def teapot(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    rx, ry = rng.uniform(25, 28), rng.uniform(21, 25)
    y = 58.0
    low = y + ry
    handle = canvas.line(
        curve(
            [
                [50 - rx + 4, y - 12], [50 - rx - 10, y - 16], [50 - rx - 14, y - 2],
                [50 - rx - 7, y + 10], [50 - rx + 5, y + 11],
            ],
            closed=False,
        ),
        width=4.6,
    )
    canvas.paint(handle, look.base, relief=canvas.puff(handle, 2.1, 1.4), gloss=0.45, shine=24)
    spout = canvas.mask(
        curve(
            [
                [50 + rx - 7, y - 4, 1], [50 + rx + 4, y - 6], [50 + rx + 10, y - 18],
                [50 + rx + 17, y - 23, 1], [50 + rx + 19.6, y - 20.6, 1], [50 + rx + 15, y - 12],
                [50 + rx + 9, y + 6], [50 + rx - 7, y + 14, 1],
            ]
        )
    )
    canvas.paint(spout, look.base, relief=canvas.puff(spout, 3.4, 1.3), gloss=0.45, shine=24)
    foot = canvas.mask(rounded(50 - rx * 0.55, low - 3, 50 + rx * 0.55, low + 1.6, 1.4))
    canvas.paint(foot, darker(look.base, 0.1), slopes=barrel(canvas, rx * 0.55), gloss=0.2)
    body = canvas.mask(ellipse(50, y, rx, ry))
    slopes = canvas.round_normal((canvas.x - 50) / rx * 0.94, (canvas.y - y) / ry * 0.94)
    canvas.paint(body, look.dye(canvas, period=9), slopes=slopes, gloss=0.5, shine=40, cast=0.3)
    lid = canvas.mask(
        curve(
            mirror(
                [[50, y - ry - 4], [57, y - ry - 2.6], [62.5, y - ry + 3.5, 1], [50, y - ry + 6.4]]
            )
        )
    )
    canvas.paint(
        lid, darker(look.base, 0.05), relief=canvas.puff(lid, 2.6, 1.4), gloss=0.4, cast=0.4
    )
    knob = canvas.mask(ellipse(50, y - ry - 6, 3.6, 3.4))
    metal = GOLD if rng.random() < 0.3 else look.base
    canvas.paint(knob, metal, relief=canvas.puff(knob, 1.8, 1.5), gloss=0.5, shine=24, cast=0.3)
    canvas.stand(50, low + 1.6, rx * 0.8)
