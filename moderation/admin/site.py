"""The admin site: its name, its start page with the state of the work, the queue in it."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver

from moderation.models import Appeal, ReviewItem
from moderation.services.queue import review_queue

from . import health, quality, queue, queue_grid, sellers, thresholds, training_state, views
from .stale_state import stale_state
from .work_state import work_state


class ClipmodAdminSite(AdminSite):
    """Django's admin under clipmod's name, with the review queue in it."""

    site_header = "clipmod"
    site_title = "clipmod"
    index_title = "Overview"
    site_url = None
    enable_nav_sidebar = False  # lists of photos and texts need the width

    def get_urls(self) -> list[URLPattern | URLResolver]:
        rooms = (queue, queue_grid, views, health, sellers, quality, thresholds)
        own = [address for room in rooms for address in room.urls(self)]
        return [*own, *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The own tables first; what only administrators need comes after."""
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: app["app_label"] != "moderation")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        return super().each_context(request) | {
            "may_decide": request.user.has_perm("moderation.add_decision"),
            "may_see_quality": request.user.has_perm("moderation.view_evaluation"),
        }

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        state = {
            "counts": review_queue.counts(),
            "work": work_state(),
            "stale": stale_state(request),
            "escalated": ReviewItem.objects.open().escalated().count(),
            "appeals": Appeal.objects.filter(state=Appeal.State.OPEN).count(),
        } | training_state.start(request)
        return super().index(request, state | (extra_context or {}))
