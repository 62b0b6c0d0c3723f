"""Shapes become coverage: the only thing that is drawn above the final resolution."""

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from .fields import Field

# Points in pixels, the value they fill with, and the thickness of a line (0: a filled outline).
Shape = tuple[npt.NDArray[np.float64], int, float]


def raster(shapes: list[Shape], *, width: int, height: int, times: int) -> Field:
    """Coverage (0..1, [H, W]), anti-aliased by drawing `times` as large."""
    out: Field = np.zeros((height, width), dtype=np.float32)
    if not shapes:
        return out
    pad = max(thick for _, _, thick in shapes) / 2 + 2
    every = np.concatenate([points for points, _, _ in shapes])
    low = np.clip(np.floor(every.min(axis=0) - pad), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(every.max(axis=0) + pad), 0, (width, height)).astype(int)
    if (high <= low).any():
        return out
    span = high - low
    image = Image.new("L", (int(span[0]) * times, int(span[1]) * times))
    draw = ImageDraw.Draw(image)
    for points, value, thick in shapes:
        inside = [(float(x), float(y)) for x, y in (points - low) * times]
        if thick:
            _draw_line(draw, inside, thick * times)
        else:
            draw.polygon(inside, fill=value)
    part = np.asarray(image.reduce(times), dtype=np.float32) / 255
    out[low[1] : high[1], low[0] : high[0]] = part
    return out


def _draw_line(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], thick: float) -> None:
    radius = thick / 2
    draw.line(points, fill=255, width=max(1, round(thick)), joint="curve")
    if radius > 0.8:
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
