"""The pages on the queue's state and on what the team did."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from moderation.services.measures import queue_forecast, queue_health, team_figures, working_time
from moderation.services.queue import second_person
from moderation.services.retention import log
from moderation.services.retention.log import LastRun
from moderation.services.retention.periods import PERIODS, Period
from moderation.templatetags import clipmod

from . import shares
from .person import person

SEE_TEAM = "moderation.view_team"


def urls(site: AdminSite) -> list[URLPattern]:
    """The addresses of both; they need the right to see review items."""
    may_look = permission_required("moderation.view_reviewitem", raise_exception=True)

    def health(request: HttpRequest) -> HttpResponse:
        found, needs_second = queue_health.queue_health(), second_person.waiting()
        context = {
            "title": "State of the queue",
            "found": found,
            "forecast": queue_forecast.forecast(
                found.open, queue_forecast.pace(), needs_second=needs_second
            ),
            "needs_second": needs_second,
            "forecast_days": queue_forecast.MOST_DAYS,
            "kept": _kept(last := log.last_run()),
            "last_run": last,
        }
        return TemplateResponse(
            request, "admin/health/page.html", site.each_context(request) | context
        )

    def team(request: HttpRequest) -> HttpResponse:
        """Everybody's figures for who may see them, else one's own."""
        sees_all = request.user.has_perm(SEE_TEAM)
        days = _days(request)
        rows = team_figures.team_figures(days=days, only=None if sees_all else person(request))
        context = {
            "title": "The team" if sees_all else "Your figures",
            "sees_all": sees_all,
            "days": days,
            "periods": [(number, _period(number)) for number in team_figures.PERIODS],
            "rows": [_row(one) for one in rows],
            "times": working_time.TIMES,
            "shortest_break": working_time.SHORTEST_BREAK.seconds // 60,
            "longest_work": working_time.LONGEST_WORK.seconds // 60,
            "least_acts": working_time.LEAST_GAPS,
            "most_pairs": team_figures.MOST_PAIRS,
            "least_active": team_figures.LEAST_ACTIVE.seconds // 60,
        }
        return TemplateResponse(
            request, "admin/health/team.html", site.each_context(request) | context
        )

    return [
        path("health/", site.admin_view(may_look(require_GET(health))), name="health"),
        path("team/", site.admin_view(may_look(require_GET(team))), name="team"),
    ]


def _kept(last: LastRun | None) -> list[tuple[Period, str]]:
    """Each kind with how long it is kept, and how much of it the last run removed."""
    counts = last.counts if last else {}
    return [(period, f"{counts.get(period.kind, 0):,}") for period in PERIODS]


def _days(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    known = {str(days): days for days in team_figures.PERIODS}
    return known.get(asked, 7)


def _period(days: int) -> str:
    return "24 hours" if days == 1 else f"{days} days"


def _row(one: team_figures.Figures) -> dict[str, object]:
    """A line of the table, in words."""
    return {
        "one": one,
        "active": clipmod.duration(one.active.total_seconds()) if one.active else "–",
        "confirmed": shares.words(one.confirmed),
        "agreement": shares.words(one.agreement),
    }
