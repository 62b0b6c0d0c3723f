"""The plots of an evaluation: squares from 0 to 1 on both axes; and the bars of its slices."""

from __future__ import annotations

from typing import Any

from moderation.models import Evaluation

from .chart import Chart, Dot, Frame, Line

_FRAME = Frame(width=420, height=300, left=44, right=408, top=12, bottom=256, tick_y=272)


def precision_recall(found: Evaluation) -> Chart | None:
    """The curve of the version and, behind it, of what it was compared with."""
    report = found.report
    if "curve" not in report:
        return None
    plot = _plot(
        "Precision and recall",
        ("Recall", "Precision"),
        _summary("Average precision", report["overall"]["ap"]),
        "Going down the list from the most suspicious on: the share of mismatches found, and how "
        "many of the listings looked at were mismatches.",
    )
    curve, before = report["curve"], report.get("baseline", {}).get("curve")
    if before and found.baseline:
        plot.lines.append(Line(plot.points(before), "is-before", found.baseline.name))
    dots = []
    if len(curve) == 1:  # a line of one point draws nothing
        ((recall, precision),) = curve
        text = f"Recall {recall:.2f}: precision {precision:.2f}"
        dots = [Dot(plot.x(recall), plot.y(precision), text)]
    plot.lines.append(Line(plot.points(curve), "is-own", found.version.name, dots=dots))
    return plot


def reliability(found: Evaluation) -> Chart | None:
    """What the version gave as P(mismatch) against the share that were mismatches."""
    bins = found.report.get("reliability")
    if not bins:
        return None
    plot = _plot(
        "Reliability",
        ("P(mismatch) as the model gave it", "Share of mismatches"),
        _summary("ECE", found.report["overall"]["ece"]),
        "On the diagonal the probabilities are true. Below it mismatches are rarer than the model "
        "says, above it they are more frequent.",
    )
    dots = [
        Dot(
            plot.x(row["p"]),
            plot.y(row["share"]),
            f"P {row['p']:.2f}: {row['share']:.2f} of {row['count']} pairs were mismatches",
        )
        for row in bins
    ]
    plot.lines.append(Line(plot.points([(0, 0), (1, 1)]), "is-diagonal"))
    points = plot.points([(row["p"], row["share"]) for row in bins])
    plot.lines.append(Line(points, "is-own", dots=dots))
    return plot


def _summary(name: str, figure: dict[str, Any]) -> str:
    """What a plot comes down to, as far as it is known."""
    if "at_least" in figure:
        return f"{name} at least {figure['at_least']:.3f}"
    return f"{name} {figure['value']:.3f}" if "value" in figure else f"{name} unknown"


def _plot(title: str, names: tuple[str, str], summary: str, explanation: str) -> Chart:
    """Five grid lines each way with their labels."""
    plot = Chart(_FRAME, (0, 1), (0, 1), f"{title}: {summary}", title, explanation, names, radius=4)
    quarters = [(part / 4, f"{part / 4:g}") for part in range(5)]
    plot.levels = [(plot.y(value), text) for value, text in quarters]
    plot.ticks = [(plot.x(value), text) for value, text in quarters]
    return plot


def bar(figure: dict[str, Any] | None, before: dict[str, Any] | None) -> dict[str, Any] | None:
    """A ROC-AUC from 0.5 to 1 as shares of a bar: the value, its interval, and the one before."""
    if not figure or figure.get("value") is None:
        return None
    drawn = {"value": _share(figure["value"])}
    if figure["low"] is not None and figure["high"] is not None:
        drawn |= {"low": _share(figure["low"]), "high": _share(figure["high"])}
    if before and before.get("value") is not None:
        drawn["before"] = _share(before["value"])
    return drawn


def _share(auc: float) -> str:
    return f"{100 * max(0.0, (auc - 0.5) / 0.5):.1f}%"
