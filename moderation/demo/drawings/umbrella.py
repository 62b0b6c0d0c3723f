"""An open stick umbrella."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.colours import DARK, RGB, STEEL, WOOD, darker
from moderation.demo.fields import Field
from moderation.demo.looks import Look
from moderation.demo.paths import Outline, arc, curve, rounded

TOP = 12.0


def umbrella(canvas: Canvas, look: Look) -> None:
    rng = look.rng
    grip = WOOD if rng.random() < 0.6 else DARK
    low, wide = rng.uniform(49, 53), rng.uniform(42, 45)
    _stick(canvas, look, grip, TOP)
    edges = np.linspace(-1, 1, 7)
    feet = [50 + wide * np.sin(e * np.pi / 2) for e in edges]
    drops = [low + 3.2 * np.cos(e * np.pi / 2) for e in edges]
    inside = canvas.mask(np.concatenate([arc(50, low - 1, wide - 1, 6.4, 0, 180)]))
    canvas.paint(inside, darker(look.base, 0.55))
    ribs = list(zip(feet[1:-1], drops[1:-1], strict=True))
    _cover(canvas, look, canvas.mask(_outline(edges, feet, drops, low, wide)), ribs, low, wide)
    for x, y in ribs:
        reach = (x - 50) / wide
        bend = TOP + (low - TOP) * (0.24 + 0.1 * reach * reach)
        rib = curve([[50, TOP], [50 + (x - 50) * 0.62, bend], [x, y]], closed=False)
        canvas.seam(rib, width=0.4, depth=0.28)
    beads = canvas.dots([[x, y + 0.4] for x, y in zip(feet, drops, strict=True)], 0.8)
    canvas.paint(beads, STEEL)


def _outline(
    edges: np.ndarray, feet: list[float], drops: list[float], low: float, wide: float
) -> Outline:
    """The dome, scalloped between the ends of the ribs."""
    bottom: list[list[float]] = []
    for i in range(6):
        x0, x1, y0, y1 = feet[i], feet[i + 1], drops[i], drops[i + 1]
        lift = 2.6 + abs(edges[i] + edges[i + 1]) / 2
        bottom += [[x0, y0, 1], [(x0 + x1) / 2, (y0 + y1) / 2 - lift]]
    bottom.append([feet[6], drops[6], 1])
    dome = [[p[0], p[1]] for p in arc(50, low, wide, low - TOP, 0, -180)[1:-1:4]]
    return curve([*bottom, *dome])


def _cover(
    canvas: Canvas,
    look: Look,
    mask: Field,
    ribs: list[tuple[float, float]],
    low: float,
    wide: float,
) -> None:
    """The cloth, round and pulled in along the ribs."""
    ball = canvas.round_normal(
        np.clip((canvas.x - 50) / wide, -1, 1) * 0.8,
        np.clip((canvas.y - low) / (low - TOP), -1, 0.2) * 0.8,
    )
    panels = canvas.folds(
        *((50 + (f - 50) * 0.12, TOP + 1, f, d + 20, 2.4, 0.9) for f, d in ribs)
    )
    across, down = np.gradient(panels)[::-1]
    canvas.paint(
        mask,
        look.dye(canvas, period=9),
        slopes=(ball[0] - across * 1.2, ball[1] - down * 1.2),
        gloss=0.14,
        shine=10,
    )


def _stick(canvas: Canvas, look: Look, grip: RGB, top: float) -> None:
    """Shaft, hooked grip and tip."""
    shaft = canvas.mask(rounded(49.2, top, 50.8, 82, 0.5))
    canvas.paint(shaft, STEEL, relief=canvas.puff(shaft, 0.8, 1.4), gloss=0.4)
    hook = canvas.line(
        curve([[50, 74], [50, 88], [52, 94.5], [57, 96.5], [62, 94], [63, 88.5]], closed=False),
        width=3.4,
    )
    canvas.paint(hook, grip, relief=canvas.puff(hook, 1.6, 1.4), gloss=0.3, cast=0.3)
    tip = canvas.mask(curve([[49, 5, 1], [51, 5, 1], [51.8, 14, 1], [48.2, 14, 1]]))
    canvas.paint(tip, STEEL, relief=canvas.puff(tip, 0.7), gloss=0.4)
