"""A line over weeks with its interval as a band, as numbers for an inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from moderation.clip.statistics.audit_estimate import Figure

WIDTH, HEIGHT = 640, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 628, 12, 160
_LABELS = 6
# Full scales, so that a small share of wrong listings does not lie flat on the ground.
_SCALES = (0.02, 0.05, 0.1, 0.2, 0.4, 1.0)


@dataclass(frozen=True)
class Dot:
    """One week's figure: its place, and what it says when pointed at."""

    x: str
    y: str
    title: str


@dataclass
class Chart:
    """What the template draws; `lines` and `bands` are the points of unbroken runs of weeks."""

    name: str
    explanation: str
    present: str  # the figure of all weeks, in words; empty where unknown
    summary: str
    lines: list[str] = field(default_factory=list)
    bands: list[str] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)
    grid: list[tuple[str, str]] = field(default_factory=list)
    weeks: list[tuple[str, str]] = field(default_factory=list)
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = _RIGHT


def chart(
    name: str,
    explanation: str,
    weeks: Sequence[tuple[date, Figure | None]],
    *,
    present: Figure | None,
    from_zero_to_one: bool,
) -> Chart:
    """The chart of one figure; a week without a figure leaves a gap. `present`: of all weeks."""
    highest = max((figure.high for _, figure in weeks if figure), default=1.0)
    scale = 1.0 if from_zero_to_one else next(s for s in _SCALES if highest <= s)
    drawing = Chart(name, explanation, words(present) if present else "", _summary(name, weeks))
    drawing.grid = [
        (_y(part * scale / 4, scale), _percent(part * scale / 4, scale)) for part in range(5)
    ]
    step = max(1, -(-len(weeks) // _LABELS))
    drawing.weeks = [
        (_x(number, len(weeks)), f"{start:%-d %b}")
        for number, (start, _) in enumerate(weeks)
        if number % step == 0
    ]
    for run in _runs(weeks):
        points = [(_x(number, len(weeks)), figure) for number, figure in run]
        drawing.lines.append(" ".join(f"{x},{_y(figure.value, scale)}" for x, figure in points))
        above = [f"{x},{_y(figure.high, scale)}" for x, figure in points]
        below = [f"{x},{_y(figure.low, scale)}" for x, figure in reversed(points)]
        if len(points) == 1:  # a lone week's interval has no width: draw it a little wide
            x = float(points[0][0])
            above = [f"{x + side:.1f},{_y(points[0][1].high, scale)}" for side in (-4, 4)]
            below = [f"{x + side:.1f},{_y(points[0][1].low, scale)}" for side in (4, -4)]
        drawing.bands.append(" ".join(above + below))
        drawing.dots += [
            Dot(x, _y(figure.value, scale), f"Week of {weeks[number][0]:%-d %b}: {words(figure)}")
            for (number, figure), (x, _) in zip(run, points, strict=True)
        ]
    return drawing


def words(figure: Figure | None) -> str:
    """“76% (71–80%)”, with a decimal where shares are small; a dash where unknown."""
    if figure is None:
        return "–"
    digits = 1 if figure.high < 0.2 else 0
    return f"{figure.value:.{digits}%} ({100 * figure.low:.{digits}f}–{figure.high:.{digits}%})"


def _runs(weeks: Sequence[tuple[date, Figure | None]]) -> list[list[tuple[int, Figure]]]:
    runs: list[list[tuple[int, Figure]]] = [[]]
    for number, (_, figure) in enumerate(weeks):
        if figure is not None:
            runs[-1].append((number, figure))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _x(number: int, count: int) -> str:
    if count == 1:
        return f"{(_LEFT + _RIGHT) / 2:.1f}"
    return f"{_LEFT + 8 + (_RIGHT - _LEFT - 16) * number / (count - 1):.1f}"


def _y(value: float, scale: float) -> str:
    return f"{_BOTTOM - (_BOTTOM - _TOP) * min(value / scale, 1.0):.1f}"


def _percent(value: float, scale: float) -> str:
    return f"{value:.1%}" if scale < 0.1 else f"{value:.0%}"


def _summary(name: str, weeks: Sequence[tuple[date, Figure | None]]) -> str:
    """What the drawing shows, for who cannot see it."""
    known = [(start, figure) for start, figure in weeks if figure]
    if not known:
        return f"{name}: no week has enough judged products yet"
    start, figure = known[-1]
    return f"{name} by week; last known, week of {start:%-d %b}: {words(figure)}"
