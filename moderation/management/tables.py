"""Reports as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from moderation.models import Evaluation
from moderation.services.release.promotion import GateReport

FIGURES = {
    "auc": "ROC-AUC",
    "ap": "Average precision",
    "precision_at_0.8": "Precision at recall 0.8",
    "precision_at_0.9": "Precision at recall 0.9",
    "f1": "F1 at the threshold",
    "precision": "Precision at the threshold",
    "recall": "Recall at the threshold",
    "flagged": "Share flagged",
    "ece": "ECE (calibration)",
    "brier": "Brier score",
}
_IN_SLICES = ("auc", "ap", "f1")


def report_table(found: Evaluation) -> str:
    """The figures of an evaluation with their intervals, in all and by category and kind."""
    report = found.report
    lines = [
        f"{found.version} on {found.dataset}: {report['mismatches']:,} mismatches, "
        f"{report['matches']:,} matches, threshold {report['threshold']:g}."
    ]
    if report.get("unreadable"):
        shown = ", ".join(report["unreadable_first"])
        lines.append(f"{report['unreadable']:,} photos could not be used: {shown}.")
    if report.get("too_few"):
        return "\n".join([*lines, report["too_few"]])
    lines += [
        "",
        *_columns(
            (FIGURES[name], *_cells(report["overall"][name]))
            for name in FIGURES
            if name in report["overall"]
        ),
    ]
    for axis in ("category", "kind"):
        rows = report[f"by_{axis}"]
        if rows:
            head = (axis.capitalize(), "mismatches", "matches", *(FIGURES[n] for n in _IN_SLICES))
            lines += ["", *_columns([head, *(_slice(row) for row in rows)])]
    lines += [
        "",
        f"In brackets: {report['level']:.0%} intervals ({report['resamples']:,} resamples).",
    ]
    return "\n".join(lines)


def gate_table(report: GateReport) -> str:
    """What the gate found: the figures of both versions, then each condition in a sentence."""
    found = report.evaluation.report
    lines = []
    if "overall" in found:
        head = ("", f"{report.active} (active)", report.candidate.name)
        rows = [
            (
                FIGURES[name],
                " ".join(_cells(found["baseline"]["overall"].get(name))),
                " ".join(_cells(found["overall"].get(name))),
            )
            for name in FIGURES
            if name in found["overall"] or name in found["baseline"]["overall"]
        ]
        lines += [*_columns([head, *rows]), ""]
    signs = {True: "passed", False: "FAILED", None: "not asked"}
    lines += _columns((signs[check.passed], check.sentence) for check in report.checks)
    return "\n".join(lines)


def _slice(row: dict[str, Any]) -> tuple[str, ...]:
    figures = (" ".join(_cells(row["figures"].get(name))) for name in _IN_SLICES)
    return row["name"], str(row["mismatches"]), str(row["matches"]), *figures


def _cells(figure: dict[str, Any] | None) -> tuple[str, str]:
    if figure is None:
        return "–", ""
    if "at_least" in figure:
        return f"at least {figure['at_least']:.3f}", ""
    if "unknown" in figure:
        return "–", figure["unknown"]
    if figure["low"] is None or figure["low"] == figure["high"]:
        return f"{figure['value']:.3f}", ""
    return f"{figure['value']:.3f}", f"({figure['low']:.3f} to {figure['high']:.3f})"


def _columns(rows: Iterable[Sequence[str]]) -> list[str]:
    table = [tuple(row) for row in rows]
    if not table:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
