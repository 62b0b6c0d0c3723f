"""Sources of listings: from where they come, what each run did, and what it asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from moderation.models import CatalogueSource, SourceRun
from moderation.services.catalogue.sources import due, missing, photos, places, upkeep, words
from moderation.services.catalogue.sources.problems import SourceError
from moderation.services.worker import pause

from . import cells
from .imports import may_import
from .person import person
from .source_form import SourceForm, as_lines

State = SourceRun.State
RUNS_SHOWN = 20
_KINDS = {State.FAILED: "flagged", State.ASKS: "flagged", State.DONE: "passed"}


@admin.register(CatalogueSource)
class SourceAdmin(admin.ModelAdmin):
    """Who may import products may say from where; who sees products sees what came of it."""

    form = SourceForm
    change_form_template = "admin/sources/change_form.html"
    list_display = ("name", "where", "how_often", "missing", "last", "next_time")
    sortable_by = ("name",)
    fields = (
        *("name", "address", "every_hours", "missing", "most_missing_share"),
        *("photos_every_hours", "profile", "mapping", "guess_categories"),
    )

    # ── Rights ────────────────────────────────────────────────────────────────────────────────
    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("moderation.view_product")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may_import(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_import(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_import(request)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """An address may hold a key: who may only look sees its host."""
        if self.has_change_permission(request, obj):
            return self.fields
        return (
            "name",
            "where",
            "how_often",
            "missing",
            "most_missing_share",
            "profile",
            "columns_",
            "guess_categories",
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return (
            () if self.has_change_permission(request, obj) else ("where", "how_often", "columns_")
        )

    # ── The list ──────────────────────────────────────────────────────────────────────────────
    def get_queryset(self, request: HttpRequest) -> QuerySet[CatalogueSource]:
        newest = SourceRun.objects.filter(source=OuterRef("pk")).order_by("-pk")
        state = Subquery(newest.values("state")[:1])
        return super().get_queryset(request).annotate(last_state=state)

    @admin.display(description="Where")
    def where(self, source: CatalogueSource) -> str:
        return places.shown(source)

    @admin.display(description="Runs")
    def how_often(self, source: CatalogueSource) -> str:
        return words.interval(source)

    @admin.display(description="Columns")
    def columns_(self, source: CatalogueSource) -> str:
        return as_lines(source.columns) or "–"

    @admin.display(description="Last run")
    def last(self, source: CatalogueSource) -> SafeString | str:
        state: str | None = source.last_state  # type: ignore[attr-defined]  # annotated
        return badge(State(state)) if state else "–"

    @admin.display(description="Next time", empty_value="–")
    def next_time(self, source: CatalogueSource) -> Any:
        return source.next_at

    # ── The page of one ───────────────────────────────────────────────────────────────────────
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        source = self.get_object(request, object_id)
        context = _shown(source) if source is not None else {}
        context["may_run"] = may_import(request)
        return super().change_view(request, object_id, form_url, context | (extra_context or {}))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        upkeep.save(obj, changed=form.take_over(), by=person(request))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        upkeep.remove(obj, by=person(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[CatalogueSource]) -> None:
        for source in queryset:
            upkeep.remove(source, by=person(request))

    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> Any:
        """Without the rows that say which listings it has: there may be a million."""
        names = [str(source) for source in objs]
        return names, {"sources": len(names)}, set(), []

    # ── Buttons ───────────────────────────────────────────────────────────────────────────────
    def get_urls(self) -> list[URLPattern]:
        def guarded(view: Callable[..., None]) -> Any:
            def checked(request: HttpRequest, pk: int) -> HttpResponse:
                if not may_import(request):
                    raise PermissionDenied
                source = get_object_or_404(CatalogueSource, pk=pk)
                try:
                    view(request, source)
                except SourceError as error:
                    messages.error(request, str(error))
                address = reverse("admin:moderation_cataloguesource_change", args=[pk])
                return HttpResponseRedirect(address)

            return self.admin_site.admin_view(require_POST(checked))

        return [
            path("<int:pk>/run/", guarded(self.run), name="moderation_cataloguesource_run"),
            path(
                "<int:pk>/answer/", guarded(self.answer), name="moderation_cataloguesource_answer"
            ),
            *super().get_urls(),
        ]

    def run(self, request: HttpRequest, source: CatalogueSource) -> None:
        if not source.address:
            raise SourceError(
                f"{source} has no address; give one, or read its file by `manage.py source run`."
            )
        due.request(source, by=person(request))
        held = " once work is resumed" if pause.present() else ""
        messages.success(request, f"The worker reads it{held}; load this page again to see.")

    def answer(self, request: HttpRequest, source: CatalogueSource) -> None:
        what = request.POST.get("answer", "")
        if what not in missing.Missing.values:
            raise SourceError("Choose whether to withdraw them or to keep them.")
        answered = missing.answer(source, what, by=person(request))
        said = "They are kept." if answered.state == State.DONE else "The worker withdraws them."
        messages.success(request, said)


def badge(state: SourceRun.State) -> SafeString:
    return cells.badge(str(state.label), _KINDS.get(state, ""))


def _shown(source: CatalogueSource) -> dict[str, Any]:
    """The newest runs, what is wrong with the last file, its question, and its photos."""
    runs = list(source.runs.select_related("by")[:RUNS_SHOWN])
    read = next((run for run in runs if run.read), None)
    photo_list = reverse("admin:moderation_productphoto_changelist")
    return {
        "runs": [
            {"row": run, "badge": badge(State(run.state)), "told": words.told(run)} for run in runs
        ],
        "asking": missing.asking(source),
        "problems": read.problems if read else [],
        "read_at": read.started_at if read else None,
        "photos": photos.not_here(source),
        "photo_list": f"{photo_list}?product__in_sources__source__exact={source.pk}",
    }
