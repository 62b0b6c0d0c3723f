"""Fields: one number a pixel, [H, W], single precision. Masks, heights, shadows are fields."""

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Field = npt.NDArray[np.floating[Any]]
Box = tuple[slice, slice]
# A fold of cloth: x0, y0, x1, y1, width and height, in units.
Fold = tuple[float, float, float, float, float, float]


def blur(field: Field, sigma: float) -> Field:
    """Gaussian blur in float (`sigma` in pixels) of a field that is zero away from its shape."""
    box = box_of(field)
    if sigma < 0.3 or box is None:
        return field
    margin = int(sigma * 3) + 2
    rows, columns = box
    near = (
        slice(max(0, rows.start - margin), rows.stop + margin),
        slice(max(0, columns.start - margin), columns.stop + margin),
    )
    out = np.zeros_like(field)
    out[near] = _blur_all(field[near], sigma)
    return out


def _blur_all(field: Field, sigma: float) -> Field:
    """Separable blur; a wide one is done on a reduced grid."""
    factor = max(1, int(sigma / 2.5))
    height, width = field.shape
    image = Image.fromarray(np.ascontiguousarray(field))
    small = np.asarray(image.reduce(factor) if factor > 1 else image, dtype=np.float32)
    spread = sigma / factor
    reach = max(1, int(spread * 2.6 + 0.5))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / spread) ** 2)
    taps = (taps / taps.sum()).astype(np.float32)
    for axis in (0, 1):
        small = _convolve(small, taps, axis)
    if factor == 1:
        return small
    # The last cell of the reduced grid may be cut: `box` keeps both grids in step.
    inside = (0, 0, width / factor, height / factor)
    grown = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC, box=inside)
    return np.asarray(grown)


def _convolve(field: Field, taps: Field, axis: int) -> Field:
    reach = len(taps) // 2
    padded = np.pad(field, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], "edge")
    length = field.shape[axis]
    total = np.zeros_like(field)
    for index, tap in enumerate(taps):
        span = slice(index, index + length)
        total += tap * (padded[span] if axis == 0 else padded[:, span])
    return total


def shifted(field: Field, dx: float, dy: float) -> Field:
    """The field moved by whole pixels, empty where nothing moved in."""
    right, down = round(dx), round(dy)
    height, width = field.shape
    out = np.zeros_like(field)
    out[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = field[
        max(0, -down) : height - max(0, down), max(0, -right) : width - max(0, right)
    ]
    return out


def box_of(mask: Field) -> Box | None:
    """The rows and columns that hold anything but zero."""
    shown = mask != 0
    rows = np.flatnonzero(shown.any(axis=1))
    columns = np.flatnonzero(shown.any(axis=0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def slopes_in(relief: Field, box: Box) -> tuple[Field, Field]:
    """How a height field leans to the right and down inside the box (central differences)."""
    rows, columns = box
    padded = np.pad(relief, 1, "edge")
    top, left = rows.start, columns.start
    bottom, right = rows.stop + 2, columns.stop + 2
    part = padded[top:bottom, left:right]
    across = (part[1:-1, :-2] - part[1:-1, 2:]) * np.float32(0.5)
    down = (part[:-2, 1:-1] - part[2:, 1:-1]) * np.float32(0.5)
    return across, down
