"""A small studio: shapes become anti-aliased masks, masks become lit surfaces.

Only the masks are drawn above the final resolution; all light is computed once per final pixel,
which keeps a 384 px picture far below 150 ms. Coordinates are units: the square 0..100 by 0..100
in the middle of the picture, y down, whatever the size in pixels.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from .colours import RGB
from .paths import Points

Field = npt.NDArray[np.float32]


def blur(field: Field, sigma: float) -> Field:
    """Gaussian blur in float (`sigma` in pixels) of a field that is zero away from its shape."""
    box = _box(field)
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


class Canvas:
    """A product being drawn: colour and alpha, plus its pose and the light that falls on it."""

    def __init__(
        self,
        size: int,
        *,
        rng: np.random.Generator,
        portrait: bool = False,
        tilt: float = 0.0,
        scale: float = 1.0,
        flip: bool = False,
    ) -> None:
        self.rng = rng
        self.width = size
        self.height = round(size * 1.25) if portrait else size
        self.unit = size / 100
        self.supersampling = 3 if size >= 256 else 4
        turn = np.deg2rad(tilt)
        mirror = -1.0 if flip else 1.0
        step = self.unit * scale
        self.matrix = np.array(
            [
                [np.cos(turn) * step * mirror, -np.sin(turn) * step],
                [np.sin(turn) * step * mirror, np.cos(turn) * step],
            ]
        )
        self.centre = np.array([self.width / 2, self.height / 2])
        columns, rows = np.meshgrid(
            np.arange(self.width, dtype=np.float32) + 0.5 - self.centre[0],
            np.arange(self.height, dtype=np.float32) + 0.5 - self.centre[1],
        )
        inverse = np.linalg.inv(self.matrix).astype(np.float32)
        self.x: Field = inverse[0, 0] * columns + inverse[0, 1] * rows + 50
        self.y: Field = inverse[1, 0] * columns + inverse[1, 1] * rows + 50
        # Premultiplied by alpha, so that soft edges carry no dark fringe.
        self.rgb = np.zeros((self.height, self.width, 3), dtype=np.float32)
        self.alpha: Field = np.zeros((self.height, self.width), dtype=np.float32)
        self.ground: list[tuple[float, float, float, float]] = []
        side = rng.uniform(0.3, 0.6) * (1 if rng.random() < 0.25 else -1)
        light = np.array([side, -rng.uniform(0.45, 0.62), rng.uniform(0.66, 0.8)])
        self.light = light / np.linalg.norm(light)

    # Shapes

    def to_pixels(self, points: Points) -> npt.NDArray[np.float64]:
        moved: npt.NDArray[np.float64] = (np.asarray(points) - 50) @ self.matrix.T + self.centre
        return moved

    def mask(self, *outlines: Points, holes: Sequence[Points] = ()) -> Field:
        """Coverage (0..1, [H, W]) of closed outlines, less the holes."""
        return self._raster(
            [(self.to_pixels(p), 255, 0.0) for p in outlines]
            + [(self.to_pixels(p), 0, 0.0) for p in holes]
        )

    def line(self, *lines: Points, width: float) -> Field:
        """Coverage of open lines with round ends, `width` units thick."""
        thick = width * float(np.sqrt(abs(np.linalg.det(self.matrix))))
        return self._raster([(self.to_pixels(p), 255, thick) for p in lines])

    def dots(self, centres: Points, radius: float) -> Field:
        """Coverage of small discs."""
        thick = 2 * radius * float(np.sqrt(abs(np.linalg.det(self.matrix))))
        return self._raster([(self.to_pixels([c, c]), 255, thick) for c in centres])

    def _raster(self, shapes: list[tuple[npt.NDArray[np.float64], int, float]]) -> Field:
        out: Field = np.zeros((self.height, self.width), dtype=np.float32)
        if not shapes:
            return out
        times = self.supersampling
        pad = max(thick for _, _, thick in shapes) / 2 + 2
        every = np.concatenate([points for points, _, _ in shapes])
        low = np.clip(np.floor(every.min(axis=0) - pad), 0, (self.width, self.height)).astype(int)
        high = np.clip(np.ceil(every.max(axis=0) + pad), 0, (self.width, self.height)).astype(int)
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

    # Surfaces

    def puff(self, mask: Field, radius: float, height: float = 1.0) -> Field:
        """Height (pixels) of a cushion over the mask, rounded over `radius` units at its edge.

        It falls on outside the mask: a clip at zero would crease the corners.
        """
        sigma = radius * self.unit
        rise = 2 * blur(mask, sigma) - 1
        lifted: Field = (rise * (2 - rise)) * np.float32(sigma * height)
        return lifted

    def noise(self, across: float, along: float | None = None) -> Field:
        """Smooth random field (about -1..1) with features of `across` by `along` units."""
        columns = max(2, round(100 / across)) + 2
        rows = max(2, round(100 * self.height / self.width / (along or across))) + 2
        grid = self.rng.normal(0, 0.5, (rows, columns)).astype(np.float32)
        image = Image.fromarray(grid)
        return np.asarray(image.resize((self.width, self.height), Image.Resampling.BICUBIC))

    def folds(self, *lines: tuple[float, float, float, float, float, float]) -> Field:
        """Height (pixels) of cloth folds: (x0, y0, x1, y1, width, height), all in units."""
        factor = 3 if self.width >= 256 else 1
        x, y = self.x[::factor, ::factor], self.y[::factor, ::factor]
        total = np.zeros_like(x)
        for line in lines:
            # Plain floats keep the arrays in single precision.
            x0, y0, x1, y1, width, height = (float(value) for value in line)
            dx, dy = x1 - x0, y1 - y0
            length = dx * dx + dy * dy + 1e-6
            along = np.clip(((x - x0) * dx + (y - y0) * dy) / length, 0, 1)
            away = (x - x0 - along * dx) ** 2 + (y - y0 - along * dy) ** 2
            fade = 4 * along * (1 - along)
            total += 1.15 * height * fade * fade * np.exp(-away / (width * width))
        total = (total * self.unit).astype(np.float32)
        if factor == 1:
            return total
        rows, columns = total.shape
        grown = Image.fromarray(total).resize(
            (columns * factor, rows * factor), Image.Resampling.BICUBIC
        )
        return np.asarray(grown)[: self.height, : self.width]

    def round_normal(self, across: Field, down: Field) -> tuple[Field, Field]:
        """Slopes of a ball or barrel: `across` and `down` are -1..1 over the body."""
        squared = np.clip(across * across + down * down, 0, 0.94)
        depth = np.sqrt(1 - squared)
        matrix = (self.matrix / np.sqrt(abs(np.linalg.det(self.matrix)))).astype(np.float32)
        right = matrix[0, 0] * across + matrix[0, 1] * down
        lower = matrix[1, 0] * across + matrix[1, 1] * down
        return (right / depth).astype(np.float32), (lower / depth).astype(np.float32)

    def paint(
        self,
        mask: Field,
        colour: RGB | Field,
        *,
        relief: Field | None = None,
        slopes: tuple[Field, Field] | None = None,
        gloss: float = 0.06,
        shine: float = 12.0,
        ambient: float = 0.46,
        cast: float = 0.0,
        opacity: float = 1.0,
    ) -> None:
        """Lay a lit surface over what is there.

        `relief` is a height field in pixels, `slopes` its two derivatives where they are known;
        light is Lambert plus Blinn-Phong (`gloss`, `shine`). `cast` darkens what lies below.
        """
        if cast:
            self.shade_below(mask, cast)
        box = _box(mask)
        if box is None:
            return
        part = mask[box] * np.float32(opacity)
        base = colour[box] if isinstance(colour, np.ndarray) else np.array(colour, np.float32)
        lit = self._lit(base, relief, slopes, box, gloss, shine, ambient)
        cover = part[..., None]
        self.rgb[box] += (lit - self.rgb[box]) * cover
        self.alpha[box] += (1 - self.alpha[box]) * part

    def _lit(
        self,
        base: Field,
        relief: Field | None,
        slopes: tuple[Field, Field] | None,
        box: tuple[slice, slice],
        gloss: float,
        shine: float,
        ambient: float,
    ) -> Field:
        if slopes is not None:
            right, down = slopes[0][box], slopes[1][box]
        elif relief is not None:
            right, down = _slopes(relief, box)
            right, down = -right, -down
        else:
            return np.broadcast_to(base, (*self.alpha[box].shape, 3)).astype(np.float32)
        lx, ly, lz = (float(v) for v in self.light)
        length = 1 / np.sqrt(right * right + down * down + 1)
        facing = np.clip((right * lx + down * ly + lz) * length, 0, None)
        shade = ambient + (1 - ambient) * facing / lz
        half = np.array([lx, ly, lz + 1.0])
        half /= np.linalg.norm(half)
        glint = (right * half[0] + down * half[1] + half[2]) * length
        spark = gloss * np.clip(glint, 0, 1) ** shine
        # Cool, slightly saturated shadows: the fill light of a studio is the sky.
        tint = np.array([-0.05, -0.02, 0.05], np.float32) * np.clip(1 - shade, 0, 1)[..., None]
        lit: Field = base * (shade[..., None] + tint) + spark[..., None]
        return lit.astype(np.float32)

    def shade_below(self, mask: Field, strength: float, reach: float = 1.2) -> None:
        """Soft shadow of a part on the parts already drawn."""
        dx, dy = -self.light[0] * reach * self.unit * 1.3, -self.light[1] * reach * self.unit * 1.3
        self.tone(blur(shifted(mask, dx, dy), reach * self.unit), -strength)

    def tone(self, field: Field, amount: float) -> None:
        """Darken (negative) or lighten what is drawn, where `field` is 1."""
        box = _box(field)
        if box is None:
            return
        strength = (np.float32(abs(amount)) * field[box])[..., None]
        if amount < 0:
            self.rgb[box] *= 1 - strength
        else:
            self.rgb[box] += (self.alpha[box][..., None] - self.rgb[box]) * strength

    def seam(self, *lines: Points, width: float = 0.5, depth: float = 0.35) -> None:
        """A pressed line: dark, with a lit edge on the side away from the light."""
        line = self.line(*lines, width=width)
        self.tone(line * self.alpha, -depth)
        off = max(1.0, width * self.unit * 0.8)
        edge = shifted(line, -np.sign(self.light[0]) * off, off)
        self.tone(np.clip(edge - line, 0, 1) * self.alpha, depth * 0.22)

    def stitch(self, line: Points, colour: RGB, *, width: float = 0.35, dash: float = 1.1) -> None:
        """Dashed sewing thread along a line."""
        dashes = _dashes(np.asarray(line, dtype=float), dash)
        self.paint(self.line(*dashes, width=width), colour, opacity=0.85)

    def stand(self, x: float, y: float, reach: float, *, strength: float = 0.5) -> None:
        """Remember that the product touches the floor here (units), `reach` to each side."""
        self.ground.append((x, y, reach, strength))


def _draw_line(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], thick: float) -> None:
    radius = thick / 2
    draw.line(points, fill=255, width=max(1, round(thick)), joint="curve")
    if radius > 0.8:
        for x, y in (points[0], points[-1]):
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)


def _box(mask: Field) -> tuple[slice, slice] | None:
    shown = mask != 0
    rows = np.flatnonzero(shown.any(axis=1))
    columns = np.flatnonzero(shown.any(axis=0))
    if not rows.size:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _slopes(relief: Field, box: tuple[slice, slice]) -> tuple[Field, Field]:
    """Central differences inside the box."""
    rows, columns = box
    padded = np.pad(relief, 1, "edge")
    top, left = rows.start, columns.start
    bottom, right = rows.stop + 2, columns.stop + 2
    part = padded[top:bottom, left:right]
    across = (part[1:-1, 2:] - part[1:-1, :-2]) * np.float32(0.5)
    down = (part[2:, 1:-1] - part[:-2, 1:-1]) * np.float32(0.5)
    return across, down


def _dashes(line: npt.NDArray[np.float64], dash: float) -> list[npt.NDArray[np.float64]]:
    steps = np.hypot(*np.diff(line, axis=0).T)
    walked = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(0, walked[-1] - dash * 0.6, dash * 1.7)
    ends = starts + dash
    out = []
    for start, end in zip(starts, ends, strict=True):
        at = [start, (start + end) / 2, end]
        out.append(
            np.stack([np.interp(at, walked, line[:, 0]), np.interp(at, walked, line[:, 1])], axis=1)
        )
    return out
