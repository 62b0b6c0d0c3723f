"""The grid: twelve items of one category on one page, decided with one press.

A plain form that a script makes quicker by keys. Which items a page showed is signed, since
whatever is not marked on it counts as matching.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_http_methods, require_POST

from moderation.models import Category, ReviewItem
from moderation.services.queue import review_batch, review_claims

from .decision_form import CONFIRM, SECONDS_AT_MOST
from .person import person

KEYS = "123456789abc"

_SALT = "moderation.grid"


def urls(site: AdminSite) -> list[URLPattern]:
    """The addresses of the grid; each asks for a login and the right to decide."""
    may_decide = permission_required("moderation.add_decision", raise_exception=True)

    def guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        return site.admin_view(may_decide(view))

    pages = GridPages(site)
    page = require_http_methods(["GET", "POST"])(pages.page)
    return [
        path("queue/grid/", guarded(page), name="queue_grid"),
        path("queue/grid/hold/", guarded(require_POST(pages.hold)), name="queue_grid_hold"),
        path("queue/grid/leave/", guarded(require_POST(pages.leave)), name="queue_grid_leave"),
    ]


class GridPages:
    """The grid within one admin site."""

    def __init__(self, site: AdminSite) -> None:
        self.site = site

    def page(self, request: HttpRequest) -> HttpResponse:
        """The batch of a category, or the categories to choose from; a POST decides a batch."""
        wanted = request.GET.get("category", "")
        if not wanted:
            review_claims.release(person(request))  # what another category's page held
            return self._show(request, {"choices": review_batch.choices()})
        if not wanted.isdecimal():
            return self._show(
                request,
                {"choices": review_batch.choices(), "error": "Choose a category of the list."},
                status=400,
            )
        category = get_object_or_404(Category, pk=int(wanted))
        if request.method == "POST":
            return self._decide(request, category)
        return self._batch(request, category)

    def _batch(self, request: HttpRequest, category: Category, *, error: str = "") -> HttpResponse:
        """The page of a batch; where an `error` says why nothing was decided, with status 400."""
        items = review_batch.take(category, moderator=person(request))
        shown = {"items": [item.pk for item in items], "at": time.time()}
        context = {
            "category": category,
            "tiles": [(key, item) for key, item in zip(KEYS, items, strict=False)],
            "batch": signing.dumps(shown, salt=_SALT),
            "reasons": CONFIRM.reasons,
            "marked": _keys(request, "mismatch"),
            "skipped": _keys(request, "skip"),
            "error": error,
        }
        if not items:
            context["choices"] = review_batch.choices()
        return self._show(request, context, status=400 if error else 200)

    def _show(
        self, request: HttpRequest, context: dict[str, Any], *, status: int = 200
    ) -> HttpResponse:
        whole = self.site.each_context(request) | {"title": "Review grid"} | context
        return TemplateResponse(request, "admin/queue/grid.html", whole, status=status)

    def _decide(self, request: HttpRequest, category: Category) -> HttpResponse:
        shown = _shown(request)
        if shown is None:
            error = "This page is not one of ours; nothing was decided. Check the new one."
            return self._batch(request, category, error=error)
        marked, reason = _keys(request, "mismatch"), request.POST.get("reason", "")
        if marked and reason not in CONFIRM.reasons:
            error = "Nothing was decided: choose a reason for the mismatches."
            return self._batch(request, category, error=error)
        items = ReviewItem.objects.filter(pk__in=shown["items"]).select_related("product")
        passed = min(max(0.0, time.time() - shown["at"]), SECONDS_AT_MOST)
        outcome = review_batch.decide(
            list(items.order_by("suspicion", "id")),
            moderator=person(request),
            mismatches=marked,
            reason=reason,
            skipped=_keys(request, "skip"),
            seconds=round(passed / max(1, len(shown["items"])), 2),
        )
        _tell(request, outcome)
        return HttpResponseRedirect(f"{reverse('admin:queue_grid')}?category={category.pk}")

    def hold(self, request: HttpRequest) -> HttpResponse:
        """The heartbeat of an open page: keeps its items, or claims again what ran out."""
        shown = _shown(request)
        for item in ReviewItem.objects.filter(pk__in=shown["items"] if shown else []):
            review_claims.keep(item, moderator=person(request))
        return HttpResponse(status=204)

    def leave(self, request: HttpRequest) -> HttpResponse:
        """Give back what the page held and go on with the queue."""
        review_claims.release(person(request))
        return HttpResponseRedirect(reverse("admin:queue"))


def _tell(request: HttpRequest, outcome: review_batch.Outcome) -> None:
    left = f", {outcome.skipped} left to others." if outcome.skipped else "."
    decided = f"{outcome.matches} let pass, {outcome.mismatches} confirmed as mismatch"
    messages.success(request, decided + left)
    for problem in outcome.problems:
        messages.warning(request, problem)


def _shown(request: HttpRequest) -> dict[str, Any] | None:
    """What the page that was sent had on it, as it was signed: {"items": keys, "at": when}."""
    try:
        shown: dict[str, Any] = signing.loads(request.POST.get("batch", ""), salt=_SALT)
    except signing.BadSignature:
        return None
    return shown


def _keys(request: HttpRequest, name: str) -> set[int]:
    return {int(value) for value in request.POST.getlist(name) if value.isdecimal()}
