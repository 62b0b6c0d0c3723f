"""What one product is made of: its colours, its pattern, and how they lie on the canvas."""

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas
from .colours import CREAM, RGB, contrast, darker, luminance, mix
from .fields import Field

PATTERNS = ("plain", "striped", "checked", "dotted")


@dataclass(frozen=True)
class Look:
    """The main colour, a second one that shows on it, the pattern, and the seeded choices."""

    base: RGB
    second: RGB
    pattern: str
    rng: np.random.Generator

    def dye(self, canvas: Canvas, *, period: float = 7.0, turn: float = 0.0) -> RGB | Field:
        """The base colour, or a field of it with the pattern; `turn` in degrees."""
        if self.pattern == "plain":
            return self.base
        c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
        x = (canvas.x - 50) * c + (canvas.y - 50) * s
        y = (canvas.y - 50) * c - (canvas.x - 50) * s
        # One pixel in units, so that edges of the pattern are about a pixel soft.
        soft = 1.0 / canvas.unit
        base = np.array(self.base, np.float32)
        second = np.array(self.second, np.float32)
        if self.pattern == "striped":
            cover = _band(y, period, 0.38, soft)
        elif self.pattern == "checked":
            cover = 0.5 * _band(x, period * 1.3, 0.45, soft) + 0.5 * _band(
                y, period * 1.3, 0.45, soft
            )
            cover = cover * 0.8
        else:
            cover = _spots(x, y, period, soft)
        field: Field = (base + (second - base) * cover[..., None]).astype(np.float32)
        return field


def _band(at: Field, period: float, share: float, soft: float) -> Field:
    away = np.abs((at / period) % 1 - 0.5) * period
    return np.clip((share * period / 2 - away) / soft + 0.5, 0, 1).astype(np.float32)


def _spots(x: Field, y: Field, period: float, soft: float) -> Field:
    row = np.floor(y / period)
    along = x + (row % 2) * period / 2
    dx = (along / period) % 1 - 0.5
    dy = (y / period) % 1 - 0.5
    away = np.sqrt(dx * dx + dy * dy) * period
    return np.clip((period * 0.2 - away) / soft + 0.5, 0, 1).astype(np.float32)


def second_colour(base: RGB, rng: np.random.Generator) -> RGB:
    """A second colour that leaves no doubt which one is the main one."""
    if luminance(base) > 0.8:
        return darker(mix(base, (0.35, 0.37, 0.42), 0.7), 0.2)
    choice = rng.random()
    if choice < 0.55:
        return CREAM if luminance(base) < 0.7 else darker(base, 0.5)
    if choice < 0.8:
        return contrast(base)
    return darker(base, 0.45) if luminance(base) > 0.25 else mix(base, CREAM, 0.5)
