"""The admin action “Export labels”: the labels of chosen rows as a ZIP, in one of the formats."""

from __future__ import annotations

import tempfile
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponseBase

from moderation.models.querysets import DecisionQuerySet
from moderation.services.datasets import dataset
from moderation.services.datasets.dataset_manifest import Filters
from moderation.services.datasets.formats import DEFAULT, FORMATS, spreadsheet
from moderation.services.rules.photos_away import PhotosAway


class ExportsLabels(admin.ModelAdmin):
    """Adds the action; `decisions_of` says which decisions belong to the chosen rows."""

    def decisions_of(self, queryset: QuerySet) -> DecisionQuerySet:
        raise NotImplementedError

    def has_export_labels_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("moderation.export_labels")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """With one more for each format but the usual one, for who has that."""
        actions: dict[str, Any] = super().get_actions(request)
        if "export_labels" in actions:
            for format in FORMATS:
                if format != DEFAULT:
                    name = f"export_labels_{format}"
                    export = partial(ExportsLabels.export_labels, format=format)
                    actions[name] = (export, name, f"Export labels (ZIP, {format.upper()})")
        return actions

    @admin.action(description="Export labels (ZIP)", permissions=["export_labels"])
    def export_labels(
        self, request: HttpRequest, queryset: QuerySet, *, format: str = DEFAULT
    ) -> HttpResponseBase | None:
        decisions: DecisionQuerySet = self.decisions_of(queryset)
        ids = tuple(decisions.order_by("pk").values_list("pk", flat=True))
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the response reads and closes it
        try:
            dataset.export_zip(file, filters=Filters(decision_ids=ids), format=format)
        except (dataset.DatasetError, PhotosAway) as error:
            file.close()
            self.message_user(request, str(error), messages.ERROR)
            return None
        file.seek(0)
        if format == DEFAULT:  # on the next page, as this answer is the file
            action = "Export labels (ZIP, SPREADSHEET.CSV)"
            words = f"{spreadsheet.WARNING}; “{action}” writes one to open there."
            self.message_user(request, words, messages.WARNING)
        return FileResponse(file, as_attachment=True, filename="labels.zip")
