"""Filters of the product list. Each is one cheap condition; none counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from moderation.models import Analysis, Product


class FlaggedFilter(SimpleListFilter):
    """By the answer of the current analysis, but for what the reader may be asked blind."""

    title = "flagged"
    parameter_name = "flagged"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "Flagged"), ("no", "Passed"), ("unread", "Cannot be read by the model")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() is None:
            return queryset
        shown = queryset.filter(is_kept_back=False)
        if self.value() == "unread":
            return shown.filter(analysis__unreadable__gt="")
        return shown.filter(analysis__is_mismatch=self.value() == "yes")


class WithdrawnFilter(SimpleListFilter):
    """What the shop offers now, unless something else is asked for."""

    title = "withdrawn"
    parameter_name = "withdrawn"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "Withdrawn"), ("all", "Both")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        return iter([{**first, "display": "Present"}, *others])

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "all":
            return queryset
        return queryset.filter(withdrawn_at__isnull=self.value() != "yes")


class AnalysisStatusFilter(SimpleListFilter):
    """By how far the analysis of a product is."""

    title = "analysis status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("waiting", "Waiting"), ("done", "Done"), ("failed", "Failed"), ("none", "None")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        live = Exists(Analysis.objects.live().filter(product=OuterRef("pk")))
        match self.value():
            case "waiting":
                return queryset.filter(live)
            case "done" | "failed" as status:
                return queryset.filter(analysis__status=status)
            case "none":
                return queryset.filter(~live, analysis=None)
        return queryset
