"""The plots of an evaluation as numbers for inline SVG."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from moderation.models import Evaluation

WIDTH, HEIGHT = 420, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 408, 12, 256


@dataclass
class Plot:
    """A square from 0 to 1 on both axes: lines of points, and dots with a text each."""

    title: str
    across: str
    upward: str
    summary: str
    explanation: str
    lines: list[tuple[str, str, str]] = field(default_factory=list)  # css, points, name
    dots: list[tuple[str, str, str, str]] = field(default_factory=list)  # x, y, radius, text
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def grid(self) -> list[dict[str, str]]:
        """Five lines each way with their labels."""
        return [
            {"x": _x(part / 4), "y": _y(part / 4), "text": f"{part / 4:g}"} for part in range(5)
        ]

    @property
    def frame(self) -> dict[str, int]:
        return {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM}


def precision_recall(found: Evaluation) -> Plot | None:
    """The curve of the version and, behind it, of what it was compared with."""
    report = found.report
    if "curve" not in report:
        return None
    plot = Plot(
        "Precision and recall",
        "Recall",
        "Precision",
        f"Average precision {report['overall']['ap']['value']:.3f}",
        "Going down the list from the most suspicious on: the share of mismatches found, and how "
        "many of the listings looked at were mismatches.",
    )
    before = report.get("baseline", {}).get("curve")
    if before and found.baseline:
        plot.lines.append(("is-before", _points(before), found.baseline.name))
    plot.lines.append(("is-own", _points(report["curve"]), found.version.name))
    if len(report["curve"]) == 1:  # a line of one point draws nothing
        ((recall, precision),) = report["curve"]
        text = f"Recall {recall:.2f}: precision {precision:.2f}"
        plot.dots.append((_x(recall), _y(precision), "4", text))
    return plot


def reliability(found: Evaluation) -> Plot | None:
    """What the version gave as P(mismatch) against the share that were mismatches."""
    bins = found.report.get("reliability")
    if not bins:
        return None
    plot = Plot(
        "Reliability",
        "P(mismatch) as the model gave it",
        "Share of mismatches",
        f"ECE {found.report['overall']['ece']['value']:.3f}",
        "On the diagonal the probabilities are true. Below it mismatches are rarer than the model "
        "says, above it they are more frequent.",
    )
    plot.lines.append(("is-diagonal", _points([(0, 0), (1, 1)]), ""))
    plot.lines.append(("is-own", _points([(row["p"], row["share"]) for row in bins]), ""))
    for row in bins:
        text = f"P {row['p']:.2f}: {row['share']:.2f} of {row['count']} pairs were mismatches"
        plot.dots.append((_x(row["p"]), _y(row["share"]), "4", text))
    return plot


def bar(
    figure: dict[str, float | None] | None, before: dict[str, float | None] | None
) -> dict[str, Any] | None:
    """A ROC-AUC from 0.5 to 1 as shares of a bar: the value, its interval, and the one before."""
    if not figure or figure["value"] is None:
        return None
    drawn = {"value": _share(figure["value"])}
    if figure["low"] is not None and figure["high"] is not None:
        drawn |= {"low": _share(figure["low"]), "high": _share(figure["high"])}
    if before and before["value"] is not None:
        drawn["before"] = _share(before["value"])
    return drawn


def _share(auc: float) -> str:
    return f"{100 * max(0.0, (auc - 0.5) / 0.5):.1f}%"


def _points(points: list[Any]) -> str:
    return " ".join(f"{_x(x)},{_y(y)}" for x, y in points)


def _x(value: float) -> str:
    return f"{_LEFT + value * (_RIGHT - _LEFT):.1f}"


def _y(value: float) -> str:
    return f"{_BOTTOM - value * (_BOTTOM - _TOP):.1f}"
