"""A chart as numbers for inline SVG: axes with ticks, lines with bands and dots, bars and marks.

What a chart shows is for its own module to say; `admin/chart.html` draws them all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

Point = tuple[float, float]


@dataclass(frozen=True)
class Frame:
    """Where the axes lie in a drawing. With the unit "%", places across are shares of the page."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    tick_y: int  # the baseline of the texts below
    inset: int = 0  # from the ends of the axis to the first and last place across
    unit: str = ""


@dataclass(frozen=True)
class Dot:
    """A point, and what it says when pointed at."""

    x: float
    y: float
    title: str = ""


@dataclass(frozen=True)
class Line:
    """A line through `points`, as SVG wants them, over its band and under its dots.

    `name` is shown when it is pointed at; `key` is for a legend that says more.
    """

    points: str
    css: str = ""
    name: str = ""
    key: str = ""
    band: str = ""
    dots: Sequence[Dot] = ()


@dataclass(frozen=True)
class Bar:
    """A bar, or the part of one that lies in a band of scores."""

    x: float
    y: float
    width: float
    height: float
    band: str
    title: str


@dataclass(frozen=True)
class Mark:
    """An upright line with a text at the height `y`."""

    x: float
    y: int
    label: str
    css: str
    to_the_left: bool = False


@dataclass
class Chart:
    """`across` and `upward`: the values at the ends of the axes. Ticks are (place, text)."""

    frame: Frame
    across: tuple[float, float]
    upward: tuple[float, float]
    summary: str  # what it shows, for who cannot see it
    title: str = ""
    explanation: str = ""
    names: tuple[str, str] | None = None  # of the axes; where they have some, the grid is square
    radius: float = 3.5  # of dots
    levels: list[tuple[float, str]] = field(default_factory=list)
    ticks: list[tuple[float, str]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)

    def x(self, value: float) -> float:
        """The place of a value across."""
        low, high = self.across
        room = self.frame.right - self.frame.left - 2 * self.frame.inset
        place = self.frame.left + self.frame.inset + room * (value - low) / (high - low)
        return round(place, 3 if self.frame.unit else 1)

    def y(self, value: float) -> float:
        """The place of a value upward."""
        low, high = self.upward
        room = self.frame.bottom - self.frame.top
        return round(self.frame.bottom - room * (value - low) / (high - low), 1)

    def points(self, values: Sequence[Point]) -> str:
        """The places of (x, y) values, as SVG wants them."""
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in values)


def round_values(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Three to six round numbers from low to high."""
    raw = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * times for times in (1, 2, 5, 10) if size * times >= raw)
    if whole:
        step = max(1.0, round(step))
    start = math.ceil(low / step)
    return [number * step for number in range(start, math.floor(high / step) + 1)]
