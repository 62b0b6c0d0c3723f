"""One banana or a hand of them."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import mix
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse

from .foliage import STALK


def banana(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    count = int(rng.choice([1, 2, 3, 3]))
    for i in range(count):
        _finger(canvas, look, turn=(i - (count - 1) / 2) * -15.0, last=i == count - 1)
    crown = canvas.mask(ellipse(17, 22, 4.4, 3.4, turn=40))
    canvas.paint(crown, mix(look.base, STALK, 0.75), relief=canvas.puff(crown, 1.6))


def _finger(canvas: Canvas, look: Look, *, turn: float, last: bool) -> None:
    rng = look.rng
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))

    def place(points: list[list[float]]) -> list[list[float]]:
        return [
            [17 + (x - 17) * c - (y - 22) * s, 22 + (x - 17) * s + (y - 22) * c, *rest]
            for x, y, *rest in points
        ]

    outline = curve(
        place(
            [
                [15, 19, 1], [20, 18, 1], [23, 28], [33, 47], [50, 61], [68, 66.5], [83, 65],
                [88.5, 67], [87, 71], [76, 79], [58, 81.5], [39, 75], [24, 58], [18, 38],
            ]
        )
    )
    mask = canvas.mask(outline)
    relief = canvas.puff(mask, 2.2, 0.8) + canvas.puff(mask, 5.5, 1.6)
    skin = np.broadcast_to(np.array(look.base, np.float32), canvas.rgb.shape)
    patch = np.clip(canvas.noise(14), -1, 1)[..., None] * np.float32(0.04)
    canvas.paint(
        mask,
        (skin + patch).astype(np.float32),
        relief=relief,
        gloss=0.16,
        shine=10,
        cast=0.45,
        ambient=0.52,
    )
    ridge = curve(place([[20, 30], [28, 52], [46, 69], [66, 74], [84, 69.5]]), closed=False)
    soft = canvas.line(ridge, width=0.8)
    canvas.tone(soft * mask, -0.16)
    canvas.tone(canvas.line(ridge - np.array([0, 1.3]), width=1.2) * mask, 0.13)
    (x, y), (top_x, top_y) = place([[88, 68.5], [17.5, 20]])
    tip = canvas.mask(ellipse(x, y, 2.4, 2.8)) * mask
    canvas.paint(tip, (0.22, 0.16, 0.1), relief=canvas.puff(tip, 1))
    neck = canvas.mask(ellipse(top_x, top_y, 5.5, 7)) * mask
    canvas.paint(neck, mix(look.base, (0.55, 0.6, 0.2), 0.55), relief=relief, opacity=0.6)
    if last and rng.random() < 0.5:
        spots = [[rng.uniform(26, 80), rng.uniform(40, 80)] for _ in range(26)]
        canvas.tone(canvas.dots(spots, 0.5) * mask, -0.4)
