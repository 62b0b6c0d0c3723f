"""The curve of losses: one panel for each part of a training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .chart import Chart, Dot, Frame, Line, round_values

_FRAME = Frame(width=640, height=220, left=52, right=628, top=12, bottom=194, tick_y=214)
NAMES = ("train", "validation")

Step = dict[str, Any]


def panels(curve: Sequence[Step]) -> list[Chart]:
    """A panel for each part; a new one begins where the steps start again. Without points, none."""
    parts: list[list[Step]] = []
    for step in curve:
        if not parts or step["step"] < parts[-1][-1]["step"]:
            parts.append([])
        parts[-1].append(step)
    return [panel for part in parts if (panel := _panel(part))]


def _panel(part: Sequence[Step]) -> Chart | None:
    losses = {name: _losses(part, name) for name in NAMES}
    values = [loss for found in losses.values() for _, loss in found]
    if not values:
        return None
    first, last = part[0]["step"], max(part[-1]["step"], part[0]["step"] + 1)
    low, high = _range(values)
    known = {name: found for name, found in losses.items() if found}
    summary = ", ".join(f"{name} loss {found[-1][1]:.3f}" for name, found in known.items())
    panel = Chart(_FRAME, (first, last), (low, high), f"Curve of losses: {summary}")
    for name, found in known.items():
        step, loss = found[-1]
        end = Dot(panel.x(step), panel.y(loss))
        key = f"{name.capitalize()} loss {loss:.3f}"
        panel.lines.append(Line(panel.points(found), f"is-{name}", key=key, dots=[end]))
    panel.ticks = [
        (panel.x(step), f"{step:,.0f}") for step in round_values(first, last, whole=True)
    ]
    panel.levels = [(panel.y(loss), f"{loss:.4g}") for loss in round_values(low, high)]
    return panel


def _losses(part: Sequence[Step], name: str) -> list[tuple[float, float]]:
    """(step, loss) where the loss is known."""
    found = [(step["step"], step.get(name)) for step in part]
    return [(step, float(loss)) for step, loss in found if loss is not None and math.isfinite(loss)]


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.1 * abs(high) or 0.1
    return low - room, high + room
