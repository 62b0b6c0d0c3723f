"""The page of thresholds: what the scores look like, what a target would do, and setting it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from moderation.clip.errors import ClipError
from moderation.clip.statistics.labelled_scores import TOLD_FROM
from moderation.models import ModelVersion, VersionEvent
from moderation.services.registry import versions
from moderation.services.release import automatic_action, calibrate, threshold_targets
from moderation.services.release.threshold_targets import Evidence, Proposal, ThresholdError

from .person import person
from .stale_state import stale_state
from .threshold_effects import effects
from .threshold_form import TargetForm, first_look

View = Callable[..., HttpResponse]
EVENTS_SHOWN = 10


def urls(site: AdminSite) -> list[URLPattern]:
    """The addresses of the page; looking needs the right to see versions, changing another."""
    may_look = permission_required("moderation.view_modelversion", raise_exception=True)
    may_set = permission_required("moderation.set_threshold", raise_exception=True)
    pages = ThresholdPages(site)

    def look(view: View) -> View:
        return site.admin_view(may_look(require_GET(view)))

    def change(view: View) -> View:
        return site.admin_view(may_set(require_POST(view)))

    return [
        path("thresholds/", look(pages.show), name="thresholds"),
        path("thresholds/<int:pk>/", look(pages.show), name="thresholds_of"),
        path("thresholds/<int:pk>/apply/", change(pages.apply), name="thresholds_apply"),
        path("thresholds/<int:pk>/calibrate/", change(pages.refit), name="thresholds_calibrate"),
        path("thresholds/automatic/", change(pages.automatic), name="automatic_action"),
    ]


class ThresholdPages:
    """The page within one admin site."""

    def __init__(self, site: AdminSite) -> None:
        self.site = site

    def show(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """The page of a version (the active one where none is named), with a preview if asked."""
        try:
            version = get_object_or_404(ModelVersion, pk=pk) if pk else versions.current()
        except ClipError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:index"))
        found = threshold_targets.evidence(version)
        if "kind" not in request.GET:
            return self._page(request, found, TargetForm(first_look(found)))
        form = TargetForm(request.GET)
        return self._preview(request, found, form)

    def apply(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Set what the preview has shown; where it would differ by now, show it again."""
        version = get_object_or_404(ModelVersion, pk=pk)
        found, form = threshold_targets.evidence(version), TargetForm(request.POST)
        if not form.is_valid():
            return self._page(request, found, form, status=400)
        try:
            proposal = threshold_targets.propose(found, form.target())
        except ThresholdError as error:
            return self._page(request, found, form, problem=str(error), status=409)
        if request.POST.get("shown") != _stamp(proposal):
            messages.warning(request, "Scores or labels have changed meanwhile: look again.")
            return self._page(request, found, form, proposal=proposal, status=409)
        threshold_targets.set_thresholds(version, proposal, by=person(request))
        messages.success(
            request,
            "Set and logged. New analyses use it; Re-score now brings it to the finished ones and "
            "to the queue.",
        )
        return _back(version)

    def refit(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Fit the version's probabilities to the decisions."""
        version = get_object_or_404(ModelVersion, pk=pk)
        try:
            found = calibrate.calibrate(version, by=person(request))
        except calibrate.NotCalibrated as error:
            messages.error(request, str(error))
        else:
            messages.success(
                request,
                f"Calibrated and logged. {found.fitted['why']} New analyses use it; Re-score now "
                "brings it to the finished ones.",
            )
        return _back(version)

    def automatic(self, request: HttpRequest) -> HttpResponse:
        """Turn the automatic action on clear mismatches on or off."""
        on = request.POST.get("on") == "1"
        try:
            automatic_action.switch(
                on=on, by=person(request), reason=request.POST.get("reason", "")
            )
        except ClipError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"The automatic action is now {'on' if on else 'off'}.")
        return HttpResponseRedirect(reverse("admin:thresholds") + "#automatic")

    def _preview(self, request: HttpRequest, found: Evidence, form: TargetForm) -> HttpResponse:
        if not form.is_valid():
            return self._page(request, found, form, status=400)
        try:
            proposal = threshold_targets.propose(found, form.target())
        except ThresholdError as error:
            return self._page(request, found, form, problem=str(error))
        return self._page(request, found, form, proposal=proposal)

    def _page(
        self,
        request: HttpRequest,
        found: Evidence,
        form: TargetForm,
        *,
        proposal: Proposal | None = None,
        problem: str = "",
        status: int = 200,
    ) -> HttpResponse:
        version = found.version
        context = {
            "title": f"Thresholds of {version.name}",
            "version": version,
            "others": ModelVersion.objects.exclude(pk=version.pk).order_by("name"),
            "found": found,
            "told_from": TOLD_FROM,
            "form": form,
            "problem": problem or _first_error(form),
            "proposal": proposal,
            "shown": _stamp(proposal) if proposal else "",
            **effects(found, proposal),
            "calibration": version.calibrated,
            "may_set": request.user.has_perm("moderation.set_threshold"),
            "setting": settings.CLIP_SIMILARITY_THRESHOLD,
            "automatic": automatic_action.newest(),
            "offers_automatic": automatic_action.is_offered(version),
            "stale": stale_state(request) if versions.is_current(version) else None,
            "events": version.events.filter(
                kind__in=[VersionEvent.Kind.THRESHOLD, VersionEvent.Kind.CALIBRATED]
            ).select_related("by")[:EVENTS_SHOWN],
        }
        return TemplateResponse(
            request,
            "admin/thresholds/page.html",
            self.site.each_context(request) | context,
            status=status,
        )


def _stamp(proposal: Proposal) -> str:
    return f"{proposal.threshold} {proposal.clear_threshold}"


def _first_error(form: TargetForm) -> str:
    if not form.is_bound:
        return ""
    for name, errors in form.errors.items():
        return f"{form.fields[name].label}: {errors[0]}" if name in form.fields else str(errors[0])
    return ""


def _back(version: ModelVersion) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:thresholds_of", args=[version.pk]))
