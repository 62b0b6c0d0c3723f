"""An orange and a lemon, whole or with a half beside."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import RGB, darker, mix
from moderation.demo.looks import Look
from moderation.demo.paths import curve, ellipse

from .foliage import LEAF, leaf


def orange(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    cut = rng.random() < 0.45
    x, y, radius = (40.0, 50.0, 30.0) if cut else (50.0, 54.0, 35.0)
    mask = canvas.mask(ellipse(x, y, radius, radius * 0.97))
    across, down = (canvas.x - x) / radius * 0.95, (canvas.y - y) / radius * 0.95
    right, lower = canvas.round_normal(across, down)
    pores = canvas.noise(1.5) * np.float32(0.06) + canvas.noise(0.9) * np.float32(0.09)
    canvas.paint(
        mask,
        look.base,
        slopes=(right + pores, lower + np.roll(pores, 3, axis=0)),
        gloss=0.3,
        shine=14,
        ambient=0.5,
    )
    navel = canvas.mask(ellipse(x + 3, y - radius * 0.72, 2.6, 1.7))
    canvas.paint(navel, (0.45, 0.5, 0.2), relief=canvas.puff(navel, 0.8), cast=0.35)
    if rng.random() < 0.5:
        leaf(canvas, x + 4, y - radius * 0.74, side=1)
    canvas.stand(x, y + radius * 0.97, radius * 0.8, strength=0.6)
    if cut:
        _half(canvas, look.base, 68, 66, 22, flesh=mix(look.base, (1.0, 0.72, 0.3), 0.35))
        canvas.stand(68, 87, 17, strength=0.6)


def _half(
    canvas: Canvas, rind: RGB, x: float, y: float, radius: float, *, flesh: RGB, flat: float = 0.95
) -> None:
    """The cut face of a citrus fruit."""
    mask = canvas.mask(ellipse(x, y, radius, radius * flat))
    canvas.paint(mask, rind, relief=canvas.puff(mask, 1), cast=0.55)
    pith = canvas.mask(ellipse(x, y, radius - 1.5, (radius - 1.5) * flat))
    canvas.paint(pith, (0.98, 0.93, 0.80), relief=canvas.puff(pith, 0.6))
    wedges = []
    for i in range(10):
        middle = i * 36 + 10
        ring = np.deg2rad(np.array([middle - 15.5, middle - 8, middle, middle + 8, middle + 15.5]))
        outer = np.stack(
            [x + (radius - 3) * np.cos(ring), y + (radius - 3) * flat * np.sin(ring)], axis=1
        )
        tip = np.array(
            [[x + 2.2 * np.cos(np.deg2rad(middle)), y + 2.2 * flat * np.sin(np.deg2rad(middle))]]
        )
        wedges.append(np.concatenate([outer, tip]))
    pulp = canvas.mask(*wedges)
    relief = canvas.puff(pulp, 1, 1.1) + canvas.noise(2.2) * np.float32(canvas.unit * 0.22)
    canvas.paint(pulp, flesh, relief=relief, gloss=0.3, shine=14)


def lemon(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    cut = rng.random() < 0.45
    x, y, size = (42.0, 47.0, 0.86) if cut else (50.0, 54.0, 1.0)
    half: list[tuple[float, float]] = [
        (-42, 0), (-37, -6.5), (-29, -17), (-12, -26), (8, -27), (26, -18), (33, -8), (39, -3.5),
        (40, 0),
    ]
    ring = [[x + px * size, y + py * size] for px, py in half] + [
        [x + px * size, y - py * size * 0.98] for px, py in half[-2:0:-1]
    ]
    mask = canvas.mask(curve(ring))
    across = np.clip((canvas.x - x) / (41 * size), -1, 1)
    down = np.clip((canvas.y - y) / (27 * size), -1, 1) * 0.95
    right, lower = canvas.round_normal(
        (across**3 * 0.8 + across * 0.2).astype(np.float32) * np.float32(0.9),
        down.astype(np.float32),
    )
    pores = canvas.noise(1.6) * np.float32(0.07) + canvas.noise(0.9) * np.float32(0.09)
    canvas.paint(
        mask,
        look.base,
        slopes=(right + pores, lower + np.roll(pores, 3, axis=0)),
        gloss=0.32,
        shine=14,
        ambient=0.54,
    )
    end = canvas.mask(ellipse(x - 40.5 * size, y, 2.6, 2.4)) * mask
    canvas.paint(
        end, darker(mix(look.base, LEAF, 0.5), 0.1), relief=canvas.puff(end, 1), opacity=0.8
    )
    if rng.random() < 0.55:
        leaf(canvas, x - 38 * size, y - 4, side=1)
    canvas.stand(x, y + 26.6 * size, 27 * size, strength=0.6)
    if cut:
        _half(canvas, look.base, 69, 67, 19, flesh=mix(look.base, (1.0, 0.95, 0.55), 0.4))
        canvas.stand(69, 85.4, 15, strength=0.6)
