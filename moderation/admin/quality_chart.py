"""A line over weeks with its interval as a band."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby

from moderation.clip.statistics.catalogue_estimate import Answer, Figure
from moderation.services.estimates.words import words

from .chart import Chart, Dot, Frame, Line

_FRAME = Frame(width=640, height=190, left=46, right=628, top=12, bottom=160, tick_y=182, inset=8)
_LABELS = 6
# Full scales, so that a small share of wrong listings does not lie flat on the ground.
_SCALES = (0.02, 0.05, 0.1, 0.2, 0.4, 1.0)

Weeks = Sequence[tuple[date, Figure | None]]


def chart(
    name: str, explanation: str, answers: Sequence[tuple[date, Answer]], *, from_zero_to_one: bool
) -> Chart:
    """The chart of one figure; a week without a figure leaves a gap."""
    weeks: Weeks = [(start, one if isinstance(one, Figure) else None) for start, one in answers]
    highest = max((figure.high for _, figure in weeks if figure), default=1.0)
    scale = 1.0 if from_zero_to_one else next(s for s in _SCALES if highest <= s)
    across = (0, len(weeks) - 1) if len(weeks) != 1 else (-1, 1)  # a lone week in the middle
    drawing = Chart(_FRAME, across, (0, scale), _summary(name, weeks), name, explanation)
    quarters = [part * scale / 4 for part in range(5)]
    drawing.levels = [(drawing.y(value), _percent(value, scale)) for value in quarters]
    step = max(1, -(-len(weeks) // _LABELS))
    drawing.ticks = [
        (drawing.x(number), f"{start:%-d %b}")
        for number, (start, _) in enumerate(weeks)
        if number % step == 0
    ]
    known = groupby(enumerate(weeks), key=lambda week: week[1][1] is not None)
    drawing.lines = [
        _line(drawing, [(number, start, figure) for number, (start, figure) in run if figure])
        for is_known, run in known
        if is_known
    ]
    return drawing


def _line(drawing: Chart, run: list[tuple[int, date, Figure]]) -> Line:
    """An unbroken run of weeks; a lone one's interval has no width: it is drawn a little wide."""
    sides = (-4, 4) if len(run) == 1 else (0,)
    places = [
        (round(drawing.x(number) + side, 1), figure) for number, _, figure in run for side in sides
    ]
    above = [f"{x},{drawing.y(figure.high)}" for x, figure in places]
    below = [f"{x},{drawing.y(figure.low)}" for x, figure in reversed(places)]
    dots = [
        Dot(
            drawing.x(number),
            drawing.y(figure.value),
            f"Week of {start:%-d %b}: {words(figure)}",
        )
        for number, start, figure in run
    ]
    points = drawing.points([(number, figure.value) for number, _, figure in run])
    return Line(points, band=" ".join(above + below), dots=dots)


def _percent(value: float, scale: float) -> str:
    return f"{value:.1%}" if scale < 0.1 else f"{value:.0%}"


def _summary(name: str, weeks: Weeks) -> str:
    """What the drawing shows, for who cannot see it."""
    known = [(start, figure) for start, figure in weeks if figure]
    if not known:
        return f"{name}: no week has enough judged products yet"
    start, figure = known[-1]
    return f"{name} by week; last known, week of {start:%-d %b}: {words(figure)}"
