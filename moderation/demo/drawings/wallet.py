"""A wallet, laid flat."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import GOLD, contrast, darker, mix
from moderation.demo.looks import Look
from moderation.demo.paths import ellipse, rounded


def wallet(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    left, right, top, low = 12, 88, rng.uniform(26, 30), rng.uniform(74, 79)
    rim = canvas.mask(rounded(left + 1, top + 1.6, right + 0.8, low + 2, 4))
    canvas.paint(rim, darker(look.base, 0.4), relief=canvas.puff(rim, 1))
    note = canvas.mask(rounded(left + 5, top - 3, right - 6, top + 8, 0.6))
    if rng.random() < 0.4:
        canvas.paint(note, (0.66, 0.76, 0.66), relief=canvas.puff(note, 0.5))
    mask = canvas.mask(rounded(left, top, right, low, 4.5))
    relief = (
        canvas.puff(mask, 1.6)
        + canvas.puff(mask, 7, 0.8)
        + canvas.noise(26) * np.float32(canvas.unit * 0.6)
    )
    canvas.paint(mask, look.dye(canvas, period=8), relief=relief, gloss=0.2, shine=10, cast=0.3)
    canvas.tone(np.clip(canvas.noise(1.1), 0, 1) * mask, -0.07)
    thread = mix(look.base, contrast(look.base), 0.6)
    border = rounded(left + 2.4, top + 2.4, right - 2.4, low - 2.4, 3)
    canvas.stitch(np.concatenate([border, border[:1]]), thread, width=0.45, dash=1.3)
    if rng.random() < 0.6:
        tab = canvas.mask(rounded(66, 45, 92, 59, 6))
        canvas.paint(
            tab, darker(look.base, 0.1), relief=canvas.puff(tab, 1.4), cast=0.55, gloss=0.2
        )
        snap = canvas.mask(ellipse(73, 52, 3, 3))
        canvas.paint(snap, GOLD, relief=canvas.puff(snap, 1.2, 1.5), cast=0.5, gloss=0.6, shine=20)
    else:
        canvas.seam(np.array([[50, top + 1], [50, low - 1]]), width=0.9, depth=0.35)
        stamp = np.array([[62, low - 12], [78, low - 12]])
        canvas.seam(stamp, stamp + np.array([0, 3]), width=0.8, depth=0.3)
