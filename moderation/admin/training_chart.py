"""The curve of losses as numbers for an inline SVG: one panel for each part of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 640, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 12, 26
NAMES = ("train", "validation")

Point = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """One curve: `points` as SVG wants them, and its last value."""

    name: str
    points: str
    last: float
    at: tuple[float, float]


@dataclass(frozen=True)
class Panel:
    """A drawing of `WIDTH` by `HEIGHT` with the ticks of both axes as (place, text)."""

    lines: list[Line]
    steps: list[tuple[float, str]]
    losses: list[tuple[float, str]]
    summary: str

    width, height, left, right = WIDTH, HEIGHT, LEFT, WIDTH - RIGHT
    top, bottom = TOP, HEIGHT - BOTTOM


def panels(curve: Sequence[Point]) -> list[Panel]:
    """A panel for each part; a new one begins where the steps start anew. Without points, none."""
    parts: list[list[Point]] = []
    for point in curve:
        if not parts or point["step"] < parts[-1][-1]["step"]:
            parts.append([])
        parts[-1].append(point)
    return [panel for part in parts if (panel := _panel(part))]


def _panel(part: Sequence[Point]) -> Panel | None:
    found = [_value(point, name) for point in part for name in NAMES]
    values = [value for value in found if value is not None]
    if not values:
        return None
    first, last = part[0]["step"], max(part[-1]["step"], part[0]["step"] + 1)
    low, high = _range(values)

    def x(step: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (step - first) / (last - first), 1)

    def y(loss: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (high - loss) / (high - low), 1)

    lines = []
    for name in NAMES:
        named = [(p["step"], value) for p in part if (value := _value(p, name)) is not None]
        if named:
            places = [(x(step), y(loss)) for step, loss in named]
            drawn = " ".join(f"{a},{b}" for a, b in places)
            lines.append(Line(name, drawn, named[-1][1], places[-1]))
    return Panel(
        lines=lines,
        steps=[(x(step), f"{step:,.0f}") for step in _ticks(first, last, whole=True)],
        losses=[(y(loss), f"{loss:.4g}") for loss in _ticks(low, high)],
        summary=", ".join(f"{line.name} loss {line.last:.3f}" for line in lines),
    )


def _value(point: Point, name: str) -> float | None:
    value = point.get(name)
    return float(value) if value is not None and math.isfinite(value) else None


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 0.1
    return low - room, high + room


def _ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Three to six round numbers from low to high."""
    raw = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * times for times in (1, 2, 5, 10) if size * times >= raw)
    if whole:
        step = max(1.0, round(step))
    start = math.ceil(low / step)
    return [number * step for number in range(start, math.floor(high / step) + 1)]
