"""Filters of the product list. Each is one cheap condition; none counts."""

from __future__ import annotations

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest

from moderation.models import Analysis, Product


class FlaggedFilter(SimpleListFilter):
    """By the answer of the current analysis."""

    title = "flagged"
    parameter_name = "flagged"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "Flagged"), ("no", "Passed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Product]) -> QuerySet[Product]:
        if self.value() is None:
            return queryset
        return queryset.filter(analysis__is_mismatch=self.value() == "yes")


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
