"""Round bodies and the reflection of a window on them."""

# Outlines are tables of points, and read best as tables.
# fmt: off

import numpy as np

from moderation.demo.canvas import Canvas
from moderation.demo.fields import Field


def barrel(
    canvas: Canvas, half_width: float | Field, *, centre: float = 50.0, lean: float = 0.0
) -> tuple[Field, Field]:
    """Slopes of an upright body of revolution, `half_width` units at each height."""
    across = np.clip((canvas.x - centre) / half_width, -1, 1) * 0.96
    return canvas.round_normal(across.astype(np.float32), np.full_like(canvas.x, lean))


def gleam(
    canvas: Canvas,
    mask: Field,
    x: float,
    y0: float,
    y1: float,
    *,
    width: float = 3.0,
    strength: float = 0.5,
) -> None:
    """The long soft reflection of a window on a glazed body."""
    side = -1 if canvas.light[0] * canvas.matrix[0, 0] < 0 else 1
    line = canvas.line([[50 + side * x, y0], [50 + side * x, y1]], width=width)
    soft = canvas.puff(line, 0.9) / np.float32(0.9 * canvas.unit)
    canvas.tone(np.clip(soft, 0, 1) * mask, strength)
