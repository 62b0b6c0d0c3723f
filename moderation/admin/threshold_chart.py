"""The histogram of scores, as numbers for an inline SVG."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from moderation.clip.statistics.labelled_scores import STEP, Histogram

HEIGHT = 220  # of the tallest bar, in pixels; across, everything is a percentage
_BIN = 20  # steps of the grid in a bar
_NARROW = 80  # steps between the lowest and the highest, below which the axis goes beyond them
_LABEL = 25  # percent of the width that a label takes on a phone


@dataclass(frozen=True)
class Bar:
    """A bar, or the part of one that lies in a band; x and width in percent."""

    x: float
    y: float
    width: float
    height: float
    band: str
    title: str


@dataclass(frozen=True)
class Line:
    """A threshold: where it stands (percent), what it is called and how it is drawn."""

    x: float
    label: str
    css: str
    to_the_left: bool = False


@dataclass(frozen=True)
class Chart:
    """What the template draws."""

    bars: list[Bar]
    lines: list[Line]
    ticks: list[tuple[float, str]]


@dataclass(frozen=True)
class _Scale:
    """From `low` to `high`, in steps of the grid, whole bars both."""

    low: int
    high: int

    def place(self, value: float) -> float:
        return 100 * (value / STEP - self.low) / (self.high - self.low)


def chart(
    catalogue: Histogram, *, threshold: float, clear: float | None, former: float | None = None
) -> Chart | None:
    """Bars coloured by the bands of these thresholds, with lines; None where there are no scores.

    `former` is a threshold that holds still, while the others are only proposed.
    """
    if not catalogue.total:
        return None
    marks = [value for value in (clear, threshold, former) if value is not None]
    steps = [catalogue.low, catalogue.low + len(catalogue.counts)]
    steps += [round(value / STEP) for value in marks]
    low, high = min(steps) // _BIN * _BIN, (max(steps) // _BIN + 1) * _BIN
    room = 2 * _BIN if high - low < _NARROW else 0
    scale = _Scale(low - room, high + room)
    lines = [Line(scale.place(threshold), f"review {threshold:.3f}", "is-review")]
    if clear is not None:
        x = scale.place(clear)
        lines.append(Line(x, f"clear {clear:.3f}", "is-clear", to_the_left=x > _LABEL))
    if former is not None:
        lines.append(Line(scale.place(former), f"now {former:.3f}", "is-former"))
    return Chart(
        bars=_bars(catalogue, scale, clear=clear, threshold=threshold),
        lines=lines,
        ticks=_ticks(scale),
    )


def _ticks(scale: _Scale) -> list[tuple[float, str]]:
    """Round values along the axis, by tenths; closer where scores lie in so narrow a range that
    fewer than two of these would show."""
    shown: list[tuple[float, str]] = []
    for step in (100, 50, 20):
        values = [n * step * STEP for n in range(scale.low // step, scale.high // step + 1)]
        placed = [(scale.place(value), _signed(value)) for value in values]
        shown = [(x, label) for x, label in placed if 1 < x < 99]
        if len(shown) > 1:
            break
    return shown


def _bars(
    catalogue: Histogram, scale: _Scale, *, clear: float | None, threshold: float
) -> list[Bar]:
    edges = [step * STEP for step in range(scale.low, scale.high + 1, _BIN)]
    counts = [catalogue.below(end) - catalogue.below(start) for start, end in pairwise(edges)]
    bars = []
    for (start, end), count in zip(pairwise(edges), counts, strict=True):
        height = max(HEIGHT * count / max(counts), 2.0)
        products = "1 product" if count == 1 else f"{count:,} products"
        inner = {cut for cut in (clear, threshold) if cut is not None and start < cut < end}
        for left, right in pairwise([start, *sorted(inner), end]) if count else ():
            middle = (left + right) / 2
            is_clear = clear is not None and middle < clear
            bars.append(
                Bar(
                    x=scale.place(left),
                    y=HEIGHT - height,
                    width=scale.place(right) - scale.place(left),
                    height=height,
                    band="clear" if is_clear else "review" if middle < threshold else "pass",
                    title=f"{_signed(start)} to {_signed(end)}: {products}",
                )
            )
    return bars


def _signed(value: float) -> str:
    """0.20 -> “0.2”, with a true minus sign."""
    return f"{value:.2f}".rstrip("0").rstrip(".").replace("-0", "0" if value > -0.005 else "−0")
