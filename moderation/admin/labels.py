"""The admin action “Export labels”: the labels of chosen rows as a ZIP to download."""

from __future__ import annotations

import tempfile

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponseBase

from moderation.models.querysets import DecisionQuerySet
from moderation.services.datasets import dataset
from moderation.services.datasets.dataset_manifest import Filters


class ExportsLabels(admin.ModelAdmin):
    """Adds the action; `decisions_of` says which decisions belong to the chosen rows."""

    def decisions_of(self, queryset: QuerySet) -> DecisionQuerySet:
        raise NotImplementedError

    def has_export_labels_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("moderation.export_labels")

    @admin.action(description="Export labels (ZIP)", permissions=["export_labels"])
    def export_labels(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase | None:
        decisions: DecisionQuerySet = self.decisions_of(queryset)
        ids = tuple(decisions.order_by("pk").values_list("pk", flat=True))
        file = tempfile.TemporaryFile()  # noqa: SIM115 - the response reads and closes it
        try:
            dataset.export_zip(file, filters=Filters(decision_ids=ids))
        except dataset.DatasetError as error:
            file.close()
            self.message_user(request, str(error), messages.ERROR)
            return None
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename="labels.zip")
