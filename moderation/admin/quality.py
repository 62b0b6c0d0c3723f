"""The page on quality: what is known of the catalogue as it is now, and week by week."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from moderation.clip.statistics.catalogue_estimate import (
    Answer,
    CatalogueEstimate,
    Figure,
    Unknown,
)
from moderation.services.estimates.words import words
from moderation.services.measures import drifting, quality

from .chart import Chart
from .quality_chart import chart

_CHARTS = (
    ("prevalence", "Wrong listings", "Share of all products whose photo and text do not match."),
    ("precision", "Precision", "Share of the flagged products that are mismatches."),
    ("recall", "Recall", "Share of all mismatches that the model flags."),
)


def urls(site: AdminSite) -> list[URLPattern]:
    """The address of the page; it needs the right to see evaluations."""
    may_look = permission_required("moderation.view_evaluation", raise_exception=True)

    def page(request: HttpRequest) -> HttpResponse:
        found = quality.quality()
        context = {
            "title": "Quality",
            "found": found,
            "shares": _shares(found),
            "rows": [_row(week) for week in reversed(found.weeks)],
            "kappa": _kappa(found.agreement.kappa),
            "recent": drifting.RECENT_WEEKS,
            "former": drifting.FORMER_WEEKS,
            "audit_share": settings.AUDIT_SHARE,
            "gold_share": settings.GOLD_SHARE,
        }
        return TemplateResponse(
            request, "admin/quality/page.html", site.each_context(request) | context
        )

    return [path("quality/", site.admin_view(may_look(require_GET(page))), name="quality")]


@dataclass(frozen=True)
class _Share:
    """A figure of the whole catalogue in words, or why it is unknown, and its chart."""

    name: str
    explanation: str
    words: str
    why: str
    counted: str  # what it stands on
    chart: Chart
    has_line: bool


def _shares(found: quality.Quality) -> list[_Share]:
    drawn, overall = [], found.overall
    for what, name, explanation in _CHARTS:
        weeks = [(week.start, getattr(week.estimate, what)) for week in found.weeks]
        present: Answer = getattr(overall, what)
        drawn.append(
            _Share(
                name=name,
                explanation=explanation,
                words="" if isinstance(present, Unknown) else words(present),
                why=present.why if isinstance(present, Unknown) else "",
                counted=_counted(what, overall),
                chart=chart(name, explanation, weeks, from_zero_to_one=what != "prevalence"),
                has_line=any(isinstance(answer, Figure) for _, answer in weeks),
            )
        )
    return drawn


def _counted(what: str, counts: CatalogueEstimate) -> str:
    if what == "precision":
        if not counts.flagged:
            return ""
        if counts.judged == counts.flagged:
            return f"{counts.wrong:,} of {counts.flagged:,} flagged, known: all were judged."
        return f"{counts.judged:,} of {counts.flagged:,} flagged were judged."
    return (
        f"{counts.passed_by_lot:,} judged by lot of the {counts.passed:,} that passed, and "
        f"{counts.judged:,} of {counts.flagged:,} flagged."
    )


def _row(week: quality.Week) -> dict[str, object]:
    figures = {what: words(getattr(week.estimate, what)) for what, _, _ in _CHARTS}
    return {"week": week, **figures}


def _kappa(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})".replace("-", "−")
