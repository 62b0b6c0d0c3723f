"""Evaluations: the list of them, and for each a page with its figures and plots."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from moderation.models import Evaluation

from . import cells, evaluation_chart
from .lists import ReadOnlyAdmin

FIGURES = {
    "auc": ("ROC-AUC", "chance that a right listing scores above a wrong one"),
    "ap": ("Average precision", "mean precision down the list, most suspicious first"),
    "precision_at_0.8": ("Precision at recall 0.8", "when four of five mismatches are found"),
    "precision_at_0.9": ("Precision at recall 0.9", "when nine of ten mismatches are found"),
    "f1": ("F1", "at the deployed threshold"),
    "precision": ("Precision", "at the deployed threshold"),
    "recall": ("Recall", "at the deployed threshold"),
    "flagged": ("Share flagged", "at the deployed threshold"),
    "ece": ("ECE", "mean distance of P(mismatch) from what was true; lower is better"),
    "brier": ("Brier score", "mean squared distance; lower is better"),
}
CHECKS = {
    "labels": "Enough labels",
    "better": "Better",
    "categories": "No category falls",
    "zero_shot": "Nothing forgotten",
    "calibration": "Calibrated",
    "threshold": "Flags enough",
}


@admin.register(Evaluation)
class EvaluationAdmin(ReadOnlyAdmin):
    """Read only: an evaluation is a record."""

    list_display = ("measured", "dataset", "baseline", "ap_cell", "passed_cell", "created_at")
    list_filter = ("passed", "version")
    list_select_related = ("version", "baseline")

    @admin.display(description="Version", ordering="version__name")
    def measured(self, found: Evaluation) -> str:
        return found.version.name

    @admin.display(description="Average precision")
    def ap_cell(self, found: Evaluation) -> str:
        return words(found.report.get("overall", {}).get("ap")) or "not enough labels"

    @admin.display(description="Gate")
    def passed_cell(self, found: Evaluation) -> SafeString | str:
        if found.passed is None:
            return "–"
        return (
            cells.badge("passed", "passed") if found.passed else cells.badge("refused", "flagged")
        )

    def shown(self, request: HttpRequest, row: Evaluation) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{row.version.name} on {row.dataset.rpartition('/')[2]}",
            "found": row,
            "report": row.report,
            "rows": rows(row),
            "checks": [
                (CHECKS.get(check["name"], check["name"]), check["passed"], check["sentence"])
                for check in row.report.get("checks", [])
            ],
            "slices": slices(row),
            "precision_recall": evaluation_chart.precision_recall(row),
            "reliability": evaluation_chart.reliability(row),
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/versions/evaluation.html", context)


def words(figure: dict[str, Any] | None) -> str:
    """“0.912 (0.890–0.931)”, “at least 0.281”, “unknown”, or nothing."""
    if not figure:
        return ""
    if "at_least" in figure:
        return f"at least {figure['at_least']:.3f}"
    if "unknown" in figure:
        return "unknown"
    if figure["low"] is None or figure["low"] == figure["high"]:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} ({figure['low']:.3f}–{figure['high']:.3f})"


def rows(found: Evaluation) -> list[dict[str, str]]:
    """Each figure with what it means, for the version and for what it was compared with."""
    own = found.report.get("overall", {})
    other = found.report.get("baseline", {}).get("overall", {})
    return [
        {
            "name": name,
            "means": means,
            "own": words(own.get(key)),
            "other": words(other.get(key)),
            "why": own.get(key, {}).get("unknown", ""),
        }
        for key, (name, means) in FIGURES.items()
        if key in own or key in other
    ]


def slices(found: Evaluation) -> list[dict[str, Any]]:
    """The tables by category and by kind, with a bar for each row's ROC-AUC."""
    tables = []
    for axis, title in (("category", "By category"), ("kind", "By kind of mismatch")):
        before = {
            row["name"]: row["figures"].get("auc")
            for row in found.report.get("baseline", {}).get(f"by_{axis}", [])
        }
        lines = [
            {
                "name": row["name"].replace("_", " "),
                "mismatches": row["mismatches"],
                "matches": row["matches"],
                "auc": words(row["figures"].get("auc")),
                "ap": words(row["figures"].get("ap")),
                "bar": evaluation_chart.bar(row["figures"].get("auc"), before.get(row["name"])),
            }
            for row in found.report.get(f"by_{axis}", [])
        ]
        if lines:
            tables.append({"title": title, "rows": lines})
    return tables
