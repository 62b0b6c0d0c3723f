"""Model versions: what each is and measures, what happened to it, and the buttons of a lead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from moderation.clip.errors import ModelError
from moderation.models import ModelVersion
from moderation.services.encoding import backend_choice, engine
from moderation.services.registry import activation, facts
from moderation.services.release import automatic_action, rollback
from moderation.templatetags.thresholds import told_for

from . import cells, version_buttons
from .lists import ReadOnlyAdmin
from .person import person
from .stale_state import stale_state

PROMOTE = "moderation.promote"
_EVENTS, _EVALUATIONS = 20, 10
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
    """Read only, except the switches: promote, roll back, and a superuser's to another model."""

    list_display = ("name", "status_cell", "source", "threshold", "created_at", "activated_at")
    list_filter = ("status", "source")
    actions = ("activate",)
    change_form_template = "admin/versions/version.html"
    fieldsets = (
        (None, {"fields": ("name", "status_cell", "source", "location", "revision", "parent")}),
        ("What it is", {"fields": ("family_cell", "reads_cell", "licence_cell", "runs_cell")}),
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

    @admin.display(description="Family")
    def family_cell(self, version: ModelVersion) -> str:
        return facts.of(version).family

    @admin.display(description="Reads")
    def reads_cell(self, version: ModelVersion) -> str:
        return facts.of(version).languages

    @admin.display(description="Licence")
    def licence_cell(self, version: ModelVersion) -> str:
        found = facts.of(version)
        return f"{found.licence}; {found.note}" if found.note else found.licence

    @admin.display(description="Runs here")
    def runs_cell(self, version: ModelVersion) -> str:
        return backend_choice.in_words(version)

    @admin.display(description="P(mismatch)")
    def calibration_cell(self, version: ModelVersion) -> str:
        calibration = version.calibrated
        if calibration is None:
            return "Not calibrated yet."
        platt = calibration.platt
        return f"a = {platt.a:.3g}, b = {platt.b:.3g} (Platt). {told_for(calibration)}"

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

        own = [button(view, name) for name, view in version_buttons.BUTTONS.items()]
        return [*own, *super().get_urls()]

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
            "was_automatic": automatic_action.newest() is not None,
            "stale": stale_state(request) if is_active else None,
            "configured_path": settings.CLIP_MODEL_PATH,
            "putting_back": rollback.unfinished() is not None,
            "gate": gate,
            "shadow": row.shadows.select_related("baseline").defer("report").first(),
            "evaluations": row.evaluations.select_related("baseline")[:_EVALUATIONS],
            "events": row.events.select_related("by").defer("before")[:_EVENTS],
        }

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    @admin.action(description="Activate this version", permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose exactly one version.", messages.ERROR)
            return
        try:
            engine.try_out(chosen[0])
            activation.activate(chosen[0], by=person(request))
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
