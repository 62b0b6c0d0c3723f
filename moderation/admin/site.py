"""The admin site: its name, its start page with the state of the work, the queue in it."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver

from moderation.services import review

from . import queue
from .work_state import work_state


class ClipmodAdminSite(AdminSite):
    """Django's admin under clipmod's name, with the review queue in it."""

    site_header = "clipmod"
    site_title = "clipmod"
    index_title = "Overview"
    site_url = None

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [*queue.urls(self), *super().get_urls()]

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return super().each_context(request) | {
            "may_decide": request.user.has_perm("moderation.add_decision")
        }

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        state = {"counts": review.counts(), "work": work_state()}
        return super().index(request, state | (extra_context or {}))
