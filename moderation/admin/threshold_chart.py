"""The histogram of scores, with lines where thresholds stand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from moderation.clip.statistics.scores_grid import STEP, Histogram

from .chart import Bar, Chart, Frame, Mark

# Pixels up, percent across: the drawing is as wide as the page.
_FRAME = Frame(width=100, height=268, left=0, right=100, top=24, bottom=244, tick_y=261, unit="%")
_BIN = 20  # steps of the grid in a bar
_NARROW = 80  # steps between the lowest and the highest, below which the axis goes beyond them
_LABEL = 25  # percent of the width that a label takes on a phone


def chart(
    catalogue: Histogram, *, threshold: float, clear: float | None, former: float | None = None
) -> Chart | None:
    """Bars coloured by the bands of these thresholds, with lines; None where there are no scores.

    `former` is a threshold that holds still, while the others are only proposed.
    """
    if not catalogue.total:
        return None
    values = [value for value in (clear, threshold, former) if value is not None]
    low, high = _range(catalogue, values)
    edges = [step * STEP for step in range(low, high + 1, _BIN)]
    counts = [catalogue.below(end) - catalogue.below(start) for start, end in pairwise(edges)]
    drawing = Chart(
        _FRAME,
        (low * STEP, high * STEP),
        (0, max(counts)),
        "How many products have which similarity, by band",
    )
    for (start, end), count in zip(pairwise(edges), counts, strict=True):
        if count:
            drawing.bars += _bars(drawing, start, end, count, clear=clear, threshold=threshold)
    x = drawing.x(threshold)
    drawing.marks = [Mark(x, 14, f"review {threshold:.3f}", "is-review")]
    if clear is not None:
        x = drawing.x(clear)
        is_left = x > _LABEL
        y = 14 if is_left else 50
        drawing.marks.append(Mark(x, y, f"clear {clear:.3f}", "is-clear", to_the_left=is_left))
    if former is not None:
        drawing.marks.append(Mark(drawing.x(former), 32, f"now {former:.3f}", "is-former"))
    drawing.ticks = _ticks(drawing, low, high)
    return drawing


def _range(catalogue: Histogram, marks: Sequence[float]) -> tuple[int, int]:
    """The first and the last step of the axis, whole bars both."""
    steps = [catalogue.low, catalogue.low + len(catalogue.counts)]
    steps += [round(value / STEP) for value in marks]
    low, high = min(steps) // _BIN * _BIN, (max(steps) // _BIN + 1) * _BIN
    room = 2 * _BIN if high - low < _NARROW else 0
    return low - room, high + room


def _ticks(drawing: Chart, low: int, high: int) -> list[tuple[float, str]]:
    """Round values along the axis, by tenths; closer where scores lie in so narrow a range that
    fewer than two of these would show."""
    shown: list[tuple[float, str]] = []
    for step in (100, 50, 20):
        values = [n * step * STEP for n in range(low // step, high // step + 1)]
        placed = [(drawing.x(value), _signed(value)) for value in values]
        shown = [(x, label) for x, label in placed if 1 < x < 99]
        if len(shown) > 1:
            break
    return shown


def _bars(
    drawing: Chart, start: float, end: float, count: int, *, clear: float | None, threshold: float
) -> list[Bar]:
    """One bar, cut where a threshold falls into it."""
    top = min(drawing.y(count), _FRAME.bottom - 2.0)
    products = "1 product" if count == 1 else f"{count:,} products"
    title = f"{_signed(start)} to {_signed(end)}: {products}"
    inner = {cut for cut in (clear, threshold) if cut is not None and start < cut < end}
    bars = []
    for left, right in pairwise([start, *sorted(inner), end]):
        middle = (left + right) / 2
        is_clear = clear is not None and middle < clear
        band = "clear" if is_clear else "review" if middle < threshold else "pass"
        x, width = drawing.x(left), drawing.x(right) - drawing.x(left)
        bars.append(Bar(x, top, round(width, 3), round(_FRAME.bottom - top, 1), band, title))
    return bars


def _signed(value: float) -> str:
    """0.20 -> “0.2”, with a true minus sign."""
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-0", "0" if value > -0.005 else "−0")
