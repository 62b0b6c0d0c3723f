"""The page of saved views: parts of the queue under a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from moderation.models import SavedView
from moderation.services.measures import saved_views
from moderation.services.measures.saved_views import SavedViewError
from moderation.services.queue.queue_field import QueueFilterError
from moderation.services.queue.queue_filter import QueueFilter

View = Callable[..., HttpResponse]


def urls(site: AdminSite) -> list[URLPattern]:
    """The addresses of the page; they need the right to see review items."""
    may_look = permission_required("moderation.view_reviewitem", raise_exception=True)

    def page(request: HttpRequest) -> HttpResponse:
        context = site.each_context(request) | _context(request)
        return TemplateResponse(request, "admin/views/page.html", context)

    def guarded(view: View) -> View:
        return site.admin_view(may_look(view))

    return [
        path("views/", guarded(require_GET(page)), name="views"),
        path("views/save/", guarded(require_POST(_save)), name="view_save"),
        path("views/<int:pk>/rename/", guarded(require_POST(_rename)), name="view_rename"),
        path("views/<int:pk>/share/", guarded(require_POST(_share)), name="view_share"),
        path("views/<int:pk>/delete/", guarded(require_POST(_delete)), name="view_delete"),
    ]


def _context(request: HttpRequest) -> dict[str, Any]:
    chosen, problem, wrong = None, "", ""
    try:
        chosen = QueueFilter.parse(request.GET)
    except QueueFilterError as error:
        problem, wrong = str(error), error.field
    context: dict[str, Any] = {
        "title": "Views of the queue",
        "chosen": None if chosen is None or chosen.is_empty else chosen,
        "problem": problem,
        "wrong": wrong,
        "parts": _parts(request, chosen),
    }
    if context["chosen"]:
        context["open"] = saved_views.open_count(context["chosen"])
    context["views"] = saved_views.listed(_person(request))
    return context


def _parts(request: HttpRequest, chosen: QueueFilter | None) -> list[dict[str, Any]]:
    """What the form asks for, each with what is chosen of it and what was written."""
    parts = [
        {
            "name": name,
            "field": field,
            "value": getattr(chosen, name, None),
            "written": request.GET.get(name, ""),
        }
        for name, field in QueueFilter.fields().items()
    ]
    return sorted(parts, key=lambda part: part["field"].after_others)


def _save(request: HttpRequest) -> HttpResponse:
    query = request.POST.get("query", "")
    try:
        view = saved_views.save(
            owner=_person(request),
            name=request.POST.get("name", ""),
            query=QueueFilter.parse(QueryDict(query)),
            is_shared=bool(request.POST.get("shared")),
        )
    except (QueueFilterError, SavedViewError) as error:
        messages.error(request, str(error))
        # With what was chosen, to try again under another name.
        return HttpResponseRedirect(f"{reverse('admin:views')}?{QueryDict(query).urlencode()}")
    messages.success(request, f"Saved: {view.name}.")
    return _back()


def _rename(request: HttpRequest, pk: int) -> HttpResponse:
    name = request.POST.get("name", "")
    return _change(
        request, pk, lambda view, by: saved_views.rename(view, by=by, name=name), "Renamed."
    )


def _share(request: HttpRequest, pk: int) -> HttpResponse:
    is_shared = bool(request.POST.get("shared"))
    said = "Everybody can use it now." if is_shared else "It is yours alone now."
    return _change(
        request, pk, lambda view, by: saved_views.share(view, by=by, is_shared=is_shared), said
    )


def _delete(request: HttpRequest, pk: int) -> HttpResponse:
    return _change(request, pk, lambda view, by: saved_views.delete(view, by=by), "Deleted.")


def _change(
    request: HttpRequest, pk: int, change: Callable[[SavedView, User], None], said: str
) -> HttpResponse:
    """Do something with a view that this person sees; 404 for others' private ones."""
    view = get_object_or_404(saved_views.visible_to(_person(request)), pk=pk)
    try:
        change(view, _person(request))
    except SavedViewError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return _back()


def _back() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:views"))


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # admin_view lets nobody else in
    return request.user
