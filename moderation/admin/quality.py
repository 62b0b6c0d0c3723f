"""The page on quality over time: what the blind audit says, week by week."""

from __future__ import annotations

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from moderation.clip.statistics.audit_estimate import Figure
from moderation.clip.statistics.labelled_scores import TOLD_FROM
from moderation.services.measures import quality

from .chart import Chart
from .quality_chart import chart, words

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
            "charts": _charts(found),
            "rows": [_row(week) for week in reversed(found.weeks)],
            "kappa": _kappa(found.agreement.kappa),
            "least": TOLD_FROM,
            "recent": quality.RECENT_WEEKS,
            "former": quality.FORMER_WEEKS,
            "audit_share": settings.AUDIT_SHARE,
            "gold_share": settings.GOLD_SHARE,
        }
        return TemplateResponse(
            request, "admin/quality/page.html", site.each_context(request) | context
        )

    return [path("quality/", site.admin_view(may_look(require_GET(page))), name="quality")]


def _charts(found: quality.Quality) -> list[tuple[Chart, str]]:
    """Each with the figure of all weeks, in words; none where it is unknown."""
    drawn = []
    for what, name, explanation in _CHARTS:
        weeks = [(week.start, getattr(week.estimate, what)) for week in found.weeks]
        present: Figure | None = getattr(found.overall, what)
        drawing = chart(name, explanation, weeks, from_zero_to_one=what != "prevalence")
        drawn.append((drawing, words(present) if present else ""))
    return drawn


def _row(week: quality.Week) -> dict[str, object]:
    figures = {what: words(getattr(week.estimate, what)) for what, _, _ in _CHARTS}
    return {"week": week, **figures}


def _kappa(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})".replace("-", "−")
