"""A hard-shell suitcase on wheels."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import DARK, STEEL, darker
from moderation.demo.looks import Look
from moderation.demo.paths import arc, ellipse, rounded


def suitcase(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    wide, top, low = rng.uniform(24, 28), rng.uniform(25, 29), 90.0
    for x in (42.0, 58.0):
        rod = canvas.mask(rounded(x - 1.1, 5, x + 1.1, top + 3, 0.6))
        canvas.paint(rod, STEEL, relief=canvas.puff(rod, 0.9, 1.4), gloss=0.4)
    grip = canvas.mask(rounded(39.6, 3, 60.4, 7.6, 2))
    canvas.paint(grip, DARK, relief=canvas.puff(grip, 1.4, 1.2), gloss=0.25)
    for x in (50 - wide + 5, 50 + wide - 5):
        wheel = canvas.mask(rounded(x - 2.6, low - 1, x + 2.6, low + 5.5, 2.2))
        canvas.paint(wheel, DARK, relief=canvas.puff(wheel, 1.6), gloss=0.2)
        canvas.stand(x, low + 5.4, 9)
    mask = canvas.mask(rounded(50 - wide, top, 50 + wide, low, 7))
    ribs = np.cos((canvas.x - 50) * (2 * np.pi / 7.4))
    inner = canvas.puff(
        canvas.mask(rounded(50 - wide + 5, top + 6, 50 + wide - 5, low - 6, 3)), 0.7
    )
    inner = np.clip(inner / np.float32(max(1e-6, float(inner.max()))), 0, 1)
    relief = (
        canvas.puff(mask, 3, 1.1)
        + canvas.puff(mask, 9, 0.4)
        + (np.tanh(ribs * 2.4) * inner * 0.55 * canvas.unit).astype(np.float32)
    )
    canvas.paint(mask, look.base, relief=relief, gloss=0.32, shine=16)
    middle = np.array([[50 - wide + 0.6, low - 14], [50 + wide - 0.6, low - 14]])
    canvas.seam(middle, width=0.7, depth=0.4)
    handle = canvas.line(arc(50, top + 1, 8, 4.4, 180, 360), width=2.2)
    canvas.paint(handle, DARK, relief=canvas.puff(handle, 1), gloss=0.25)
    plate = canvas.mask(rounded(44, top + 9, 56, top + 13, 1))
    canvas.paint(plate, STEEL, relief=canvas.puff(plate, 0.7), cast=0.4, gloss=0.4)
    for corner in ([50 - wide, top], [50 + wide, top], [50 - wide, low], [50 + wide, low]):
        guard = canvas.mask(ellipse(corner[0], corner[1], 8, 8)) * mask
        canvas.paint(guard, darker(look.base, 0.3), relief=relief, gloss=0.2)
