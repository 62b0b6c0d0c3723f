"""Model versions: what they are and measure, and the switch to another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from moderation.clip.errors import ModelError
from moderation.models import ModelVersion
from moderation.services import versions

from . import cells
from .lists import ReadOnlyAdmin


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
    """Read only, but for a superuser's switch to another version."""

    list_display = ("name", "status_cell", "source", "threshold", "created_at", "activated_at")
    list_filter = ("status", "source")
    actions = ("activate",)
    fieldsets = (
        (None, {"fields": ("name", "status_cell", "source", "location", "revision", "parent")}),
        ("Threshold and calibration", {"fields": ("threshold", "platt_a", "platt_b")}),
        ("Metrics", {"fields": ("metrics_table",)}),
        ("Record", {"fields": ("weights_sha256", "created_at", "activated_at")}),
    )

    @admin.display(description="Status", ordering="status")
    def status_cell(self, version: ModelVersion) -> SafeString:
        is_active = version.status == ModelVersion.Status.ACTIVE
        return cells.badge(version.get_status_display(), "active" if is_active else "")

    @admin.display(description="Metrics")
    def metrics_table(self, version: ModelVersion) -> SafeString | str:
        rows = format_html_join("", "<tr><th>{}</th><td>{}</td></tr>", flat(version.metrics))
        if not rows:
            return "Nothing was measured yet."
        return SafeString(f'<table class="metrics"><tbody>{rows}</tbody></table>')

    def has_activate_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    @admin.action(description="Activate this version", permissions=["activate"])
    def activate(self, request: HttpRequest, queryset: QuerySet[ModelVersion]) -> None:
        chosen = list(queryset[:2])
        if len(chosen) != 1:
            self.message_user(request, "Choose exactly one version.", messages.ERROR)
            return
        try:
            versions.folder_of(chosen[0])  # its files must be here before anything relies on it
        except ModelError as error:
            self.message_user(request, f"Not activated: {error}", messages.ERROR)
            return
        versions.activate(chosen[0])
        self.message_user(
            request,
            f"The active version is now {chosen[0].name}: new analyses use it, with its threshold "
            "and calibration. Finished analyses and the queue stay as they are until "
            "`python manage.py reanalyze` asks the new version about them.",
            messages.SUCCESS,
        )
        if settings.CLIP_MODEL_PATH:
            self.message_user(
                request,
                f"CLIP_MODEL_PATH is set to {settings.CLIP_MODEL_PATH} and still comes first.",
                messages.WARNING,
            )
