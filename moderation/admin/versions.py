"""Model versions: what each is and measures, what happened to it, and the buttons of a lead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from django_q.tasks import async_task

from moderation.clip.errors import ModelError
from moderation.models import ModelVersion
from moderation.services.registry import activation, files, versions
from moderation.services.release import promotion, rollback, shadow
from moderation.services.scoring import stale
from moderation.services.worker import heartbeat

from . import cells
from .lists import ReadOnlyAdmin
from .stale_state import stale_state

PROMOTE = "moderation.promote"
_EVENTS, _EVALUATIONS = 20, 10
# A large model measures for longer than other tasks take.
_WITHIN = int(heartbeat.LONGEST_STEP)
_BADGES = {"active": "active", "candidate": "candidate"}


def flat(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested figures as (“held out › overall › auc”, value) pairs."""
    for name, value in metrics.items():
        words = f"{prefix} › {name}" if prefix else name
        if isinstance(value, Mapping):
            yield from flat(value, words)
        else:
            yield words.replace("_", " "), value


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Read only, but for the switches: promote, roll back, and a superuser's to another model."""

    list_display = ("name", "status_cell", "source", "threshold", "created_at", "activated_at")
    list_filter = ("status", "source")
    actions = ("activate",)
    change_form_template = "admin/versions/version.html"
    fieldsets = (
        (None, {"fields": ("name", "status_cell", "source", "location", "revision", "parent")}),
        (
            "Threshold and calibration",
            {"fields": ("threshold", "clear_threshold", "calibration_cell")},
        ),
        ("Metrics", {"fields": ("metrics_table",), "classes": ("collapse",)}),
        ("Record", {"fields": ("weights_sha256", "created_at", "activated_at")}),
    )

    @admin.display(description="Status", ordering="status")
    def status_cell(self, version: ModelVersion) -> SafeString:
        return cells.badge(version.get_status_display(), _BADGES.get(version.status, ""))

    @admin.display(description="P(mismatch)")
    def calibration_cell(self, version: ModelVersion) -> str:
        if version.platt_a is None or version.platt_b is None:
            return "Not calibrated yet."
        return f"a = {version.platt_a:.3g}, b = {version.platt_b:.3g} (Platt)"

    @admin.display(description="Metrics")
    def metrics_table(self, version: ModelVersion) -> SafeString | str:
        rows = format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", flat(version.metrics))
        if not rows:
            return "Nothing was measured yet."
        return SafeString(f'<table class="metrics"><tbody>{rows}</tbody></table>')

    # ── The page of a version ─────────────────────────────────────────────────────────────────
    def get_urls(self) -> list[URLPattern]:
        def button(view: Callable[..., HttpResponse], name: str) -> URLPattern:
            def checked(request: HttpRequest, pk: int) -> HttpResponse:
                if not request.user.has_perm(PROMOTE):
                    raise PermissionDenied
                return view(request, get_object_or_404(ModelVersion, pk=pk))

            guarded = self.admin_site.admin_view(require_POST(checked))
            return path(f"<int:pk>/{name}/", guarded, name=f"moderation_modelversion_{name}")

        return [
            button(self.evaluate, "evaluate"),
            button(self.promote, "promote"),
            button(self.roll_back, "rollback"),
            button(self.rescore, "rescore"),
            button(self.shadow, "shadow"),
            *super().get_urls(),
        ]

    def shown(self, request: HttpRequest, row: ModelVersion) -> dict[str, Any]:
        is_active = row.status == ModelVersion.Status.ACTIVE
        replaced = rollback.former() if is_active else None
        gate = row.evaluations.exclude(baseline=None).select_related("baseline").first()
        return {
            "may_promote": request.user.has_perm(PROMOTE),
            "is_active": is_active,
            "is_candidate": row.status == ModelVersion.Status.CANDIDATE,
            "active": ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).first(),
            "goes_back_to": replaced.before["name"] if replaced else "",
            "stale": stale_state(request) if is_active else None,
            "configured_path": settings.CLIP_MODEL_PATH,
            "putting_back": rollback.unfinished() is not None,
            "gate": gate,
            "shadow": row.shadows.select_related("baseline").defer("report").first(),
            "evaluations": row.evaluations.select_related("baseline")[:_EVALUATIONS],
            "events": row.events.select_related("by").defer("before")[:_EVENTS],
        }

    # ── Buttons ───────────────────────────────────────────────────────────────────────────────
    def evaluate(self, request: HttpRequest, version: ModelVersion) -> HttpResponse:
        """Let the worker measure it on gold and audit."""
        async_task("moderation.tasks.evaluate", version.pk, timeout=_WITHIN)
        self._in_a_minute(request, f"Measuring {version.name} on gold and audit.")
        return _page_of(version)

    def promote(self, request: HttpRequest, version: ModelVersion) -> HttpResponse:
        """Let the worker ask the gate; with a reason, past it."""
        reason = request.POST.get("reason", "").strip()
        if "force" in request.POST and not reason:
            messages.error(request, "Not promoted: write the reason for passing the gate.")
            return _page_of(version)
        by = _user(request)
        try:
            promotion.check_rights(by, forced=bool(reason))
        except promotion.PromotionError as error:
            messages.error(request, f"Not promoted: {error}")
            return _page_of(version)
        async_task("moderation.tasks.promote", version.pk, by.pk, reason, timeout=_WITHIN)
        self._in_a_minute(request, f"Comparing {version.name} with the active version.")
        return _page_of(version)

    def roll_back(self, request: HttpRequest, version: ModelVersion) -> HttpResponse:
        """The switch happens at once; the worker puts the products back."""
        if version.status != ModelVersion.Status.ACTIVE:
            messages.error(request, f"Not rolled back: {version.name} is not active any more.")
            return _page_of(version)
        try:
            event = rollback.switch(by=_user(request))
        except (promotion.PromotionError, ModelError) as error:
            messages.error(request, f"Not rolled back: {error}")
            return _page_of(version)
        async_task("moderation.tasks.finish_rollback")
        self._in_a_minute(
            request,
            f"{event.version.name} is active again. Its scores and the queue are being put back.",
        )
        return _page_of(event.version)

    def rescore(self, request: HttpRequest, version: ModelVersion) -> HttpResponse:
        """Let the worker bring the catalogue's scores up to date."""
        if not versions.is_current(version):
            messages.error(request, f"Not scored again: {version.name} is not active any more.")
            return _page_of(version)
        stale.ask(version)
        self._in_a_minute(request, f"The catalogue is being scored by {version.name}.")
        return _page_of(version)

    def shadow(self, request: HttpRequest, version: ModelVersion) -> HttpResponse:
        """Let the worker report what it would flag."""
        if versions.is_current(version):
            messages.error(request, f"{version.name} is active: it would flag what it flags now.")
            return _page_of(version)
        shadow.ask(version)
        self._in_a_minute(request, f"Looking what {version.name} would flag.")
        return _page_of(version)

    def _in_a_minute(self, request: HttpRequest, sentence: str) -> None:
        messages.success(request, f"{sentence} Load this page again to see what came of it.")
        if not heartbeat.health().alive:
            messages.warning(
                request, "No worker is running, so it waits: start python manage.py worker."
            )

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    @admin.action(description="Activate this version", permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose exactly one version.", messages.ERROR)
            return
        try:
            files.folder_of(chosen[0])  # its files must be here before anything relies on it
            activation.activate(chosen[0], by=_user(request))
        except ModelError as error:
            self.message_user(request, f"Not activated: {error}", messages.ERROR)
            return
        self.message_user(
            request,
            f"The active version is now {chosen[0].name}: new analyses use it, with its threshold "
            "and calibration. Finished analyses and the queue stay as they are until you press "
            "Re-score now on its page.",
            messages.SUCCESS,
        )
        if settings.CLIP_MODEL_PATH:
            self.message_user(
                request,
                f"CLIP_MODEL_PATH is set to {settings.CLIP_MODEL_PATH} and still comes first.",
                messages.WARNING,
            )


def _page_of(version: ModelVersion) -> HttpResponse:
    return HttpResponseRedirect(
        reverse("admin:moderation_modelversion_change", args=[version.pk]) + "#gate"
    )


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # admin_view lets nobody else in
    return request.user
