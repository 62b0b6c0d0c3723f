"""The admin site: its name, its start page with the state of the work, the queue in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.validators import MaxLengthValidator
from django.db.models import Model
from django.forms import CharField
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver

from moderation.clip.errors import ModelError
from moderation.models import Appeal, ReviewItem
from moderation.services.catalogue.sources import state as source_state
from moderation.services.measures import unread_texts
from moderation.services.queue import review_queue, second_person
from moderation.services.registry import versions

from . import (
    health,
    quality,
    queue,
    queue_grid,
    sellers,
    thresholds,
    training_state,
    views,
    workers,
)
from .lists import OfferedLookups
from .stale_state import stale_state
from .work_state import work_state


class LoginForm(AdminAuthenticationForm):
    """A name that no user can have is refused before it is looked up and its failure written."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["username"]
        assert isinstance(name, CharField)
        # Django sets it for the page alone.
        name.validators.append(MaxLengthValidator(name.max_length or 150))


class ClipmodAdminSite(AdminSite):
    """Django's admin under clipmod's name, with the review queue in it."""

    site_header = "clipmod"
    site_title = "clipmod"
    index_title = "Overview"
    site_url = None
    login_form = LoginForm
    enable_nav_sidebar = False  # lists of photos and texts need the width

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[ModelAdmin] | None = None,
        **options: Any,
    ) -> None:
        """Under whatever page class, also another package's, with `OfferedLookups` over it."""
        page = admin_class or ModelAdmin
        if not issubclass(page, OfferedLookups):
            page = type(page.__name__, (OfferedLookups, page), {"__module__": page.__module__})
        super().register(model_or_iterable, page, **options)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        rooms = (queue, queue_grid, views, health, sellers, quality, thresholds, workers)
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
            "only_person": second_person.only_person,  # asked for by the pages that show it
        }

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        state = {
            "counts": review_queue.counts(),
            "work": work_state(),
            "stale": stale_state(request),
            "unread": _unread(),
            "sources": source_state.wanting().words,
            "escalated": ReviewItem.objects.open().escalated().count(),
            "appeals": Appeal.objects.filter(state=Appeal.State.OPEN).count(),
            "needs_second": second_person.waiting(),
        } | training_state.start(request)
        return super().index(request, state | (extra_context or {}))


def _unread() -> str:
    """How many texts the model cannot read, in a sentence; empty where there are none."""
    try:
        return unread_texts.unread_texts(versions.current()).words
    except ModelError:
        return ""  # the state of the work says why there is no model
