"""The buttons on the page of a version: most ask the worker, and say so."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_q.tasks import async_task

from moderation.clip.errors import ModelError
from moderation.models import ModelVersion
from moderation.services.registry import versions
from moderation.services.release import promotion, rollback, shadow
from moderation.services.scoring import stale
from moderation.services.worker import heartbeat

from .person import person

# A large model measures for longer than other tasks take.
_WITHIN = int(heartbeat.LONGEST_STEP)


def evaluate(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    """Let the worker measure it on gold and audit."""
    async_task("moderation.tasks.evaluate", version.pk, timeout=_WITHIN)
    _in_a_minute(request, f"Measuring {version.name} on gold and audit.")
    return _page_of(version)


def promote(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    """Let the worker ask the gate; with a reason, past it."""
    reason = request.POST.get("reason", "").strip()
    if "force" in request.POST and not reason:
        messages.error(request, "Not promoted: write the reason for passing the gate.")
        return _page_of(version)
    by = person(request)
    try:
        promotion.check_rights(by, forced=bool(reason))
    except promotion.PromotionError as error:
        messages.error(request, f"Not promoted: {error}")
        return _page_of(version)
    async_task("moderation.tasks.promote", version.pk, by.pk, reason, timeout=_WITHIN)
    _in_a_minute(request, f"Comparing {version.name} with the active version.")
    return _page_of(version)


def roll_back(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    """The switch happens at once; the worker puts the products back."""
    if version.status != ModelVersion.Status.ACTIVE:
        messages.error(request, f"Not rolled back: {version.name} is not active any more.")
        return _page_of(version)
    try:
        event = rollback.switch(by=person(request))
    except (promotion.PromotionError, ModelError) as error:
        messages.error(request, f"Not rolled back: {error}")
        return _page_of(version)
    async_task("moderation.tasks.finish_rollback")
    _in_a_minute(
        request,
        f"{event.version.name} is active again. Its scores and the queue are being put back.",
    )
    return _page_of(event.version)


def rescore(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    """Let the worker bring the catalogue's scores up to date."""
    if not versions.is_current(version):
        messages.error(request, f"Not scored again: {version.name} is not active any more.")
        return _page_of(version)
    stale.ask(version)
    _in_a_minute(request, f"The catalogue is being scored by {version.name}.")
    return _page_of(version)


def look_ahead(request: HttpRequest, version: ModelVersion) -> HttpResponse:
    """Let the worker report what it would flag."""
    if versions.is_current(version):
        messages.error(request, f"{version.name} is active: it would flag what it flags now.")
        return _page_of(version)
    shadow.ask(version)
    _in_a_minute(request, f"Looking what {version.name} would flag.")
    return _page_of(version)


def _in_a_minute(request: HttpRequest, sentence: str) -> None:
    messages.success(request, f"{sentence} Load this page again to see what came of it.")
    if not heartbeat.health().alive:
        messages.warning(
            request, "No worker is running, so it waits: start python manage.py worker."
        )


def _page_of(version: ModelVersion) -> HttpResponse:
    return HttpResponseRedirect(
        reverse("admin:moderation_modelversion_change", args=[version.pk]) + "#gate"
    )


BUTTONS = {
    "evaluate": evaluate,
    "promote": promote,
    "rollback": roll_back,
    "rescore": rescore,
    "shadow": look_ahead,
}
