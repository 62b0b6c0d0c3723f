"""A small studio: shapes become anti-aliased masks, masks become lit surfaces.

Only the masks are drawn above the final resolution; all light is computed once per final pixel,
which keeps a 384 px picture far below 150 ms. Coordinates are units: the square 0..100 by 0..100
in the middle of the picture, y down, whatever the size in pixels.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

from .colours import RGB
from .fields import Field, Fold, blur, box_of, shifted, slopes_in
from .light import illuminate
from .paths import Points, dashes
from .raster import Shape, raster


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
            np.arange(self.width, dtype=np.float32) + 0.5 - self.width / 2,
            np.arange(self.height, dtype=np.float32) + 0.5 - self.height / 2,
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

    def _raster(self, shapes: list[Shape]) -> Field:
        return raster(shapes, width=self.width, height=self.height, times=self.supersampling)

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

    def folds(self, *lines: Fold) -> Field:
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

        `relief` is a height field in pixels, `slopes` the two components of the surface's lean
        (right, down) where they are known; with neither the surface stays unlit. `gloss`,
        `shine` and `ambient` are those of `illuminate`; `cast` darkens what lies below.
        """
        if cast:
            self.shade_below(mask, cast)
        box = box_of(mask)
        if box is None:
            return
        part = mask[box] * np.float32(opacity)
        base = colour[box] if isinstance(colour, np.ndarray) else np.array(colour, np.float32)
        lean = (slopes[0][box], slopes[1][box]) if slopes else None
        if relief is not None:
            lean = slopes_in(relief, box)
        lit = illuminate(base, *lean, self.light, gloss, shine, ambient) if lean else base
        cover = part[..., None]
        self.rgb[box] += (lit - self.rgb[box]) * cover
        self.alpha[box] += (1 - self.alpha[box]) * part

    def shade_below(self, mask: Field, strength: float, reach: float = 1.2) -> None:
        """Soft shadow of a part on the parts already drawn."""
        dx, dy = -self.light[0] * reach * self.unit * 1.3, -self.light[1] * reach * self.unit * 1.3
        self.tone(blur(shifted(mask, dx, dy), reach * self.unit), -strength)

    def tone(self, field: Field, amount: float) -> None:
        """Darken (negative) or lighten what is drawn, where `field` is 1."""
        box = box_of(field)
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
        thread = self.line(*dashes(np.asarray(line, dtype=float), dash), width=width)
        self.paint(thread, colour, opacity=0.85)

    def stand(self, x: float, y: float, reach: float, *, strength: float = 0.5) -> None:
        """Remember that the product touches the floor here (units), `reach` to each side."""
        self.ground.append((x, y, reach, strength))
