"""The workers by host, and the button that pauses and resumes all work."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from moderation.services.measures import workers as measures
from moderation.services.worker import pause

from .person import person
from .work_state import work_state

MAY = "moderation.promote"


def urls(site: AdminSite) -> list[URLPattern]:
    """The page and its buttons; all need the right to switch models."""
    may = permission_required(MAY, raise_exception=True)

    def page(request: HttpRequest) -> HttpResponse:
        context = {"title": "Workers", "rows": measures.workers(), "work": work_state()}
        return TemplateResponse(
            request, "admin/workers/page.html", site.each_context(request) | context
        )

    def switch(request: HttpRequest, *, on: bool) -> HttpResponse:
        if pause.switch(on=on, by=person(request)):
            messages.success(request, _PAUSED if on else _RESUMED)
        return HttpResponseRedirect(reverse("admin:workers"))

    def pause_all(request: HttpRequest) -> HttpResponse:
        return switch(request, on=True)

    def resume_all(request: HttpRequest) -> HttpResponse:
        return switch(request, on=False)

    return [
        path("workers/", site.admin_view(may(require_GET(page))), name="workers"),
        path("workers/pause/", site.admin_view(may(require_POST(pause_all))), name="workers_pause"),
        path(
            "workers/resume/", site.admin_view(may(require_POST(resume_all))), name="workers_resume"
        ),
    ]


_PAUSED = (
    "Paused: no new analyses are handed out. What the workers hold now they finish, within some "
    "ten seconds."
)
_RESUMED = "Resumed: the workers take up what waits."
