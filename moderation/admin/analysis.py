"""Analyses: what the model said, to look at."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from moderation.models import Analysis
from moderation.services.encoding import margins
from moderation.services.queue import blind, second_verdicts
from moderation.templatetags import clipmod

from . import cells, signs
from .keyset import KeysetAdmin
from .lists import ReadOnlyAdmin
from .person import person


@admin.register(Analysis)
class AnalysisAdmin(KeysetAdmin, ReadOnlyAdmin):
    """Read only: an analysis is the model's answer, kept as it was given.

    Left out is what it said of products about which the reader may be asked blind now.
    """

    list_display = (
        "photo",
        "text_cell",
        "external_id",
        "result",
        "similarity_cell",
        "p_cell",
        "threshold_cell",
        "model_version",
        "finished_at",
    )
    list_display_links = ("text_cell",)
    list_filter = ("status", "is_mismatch", "model_version")
    links_by = ("product__id__exact",)
    list_select_related = ("product", "model_version")
    product_path = "product__"
    search_fields = ("product__external_id", "product__seller")
    search_words = ("text",)
    search_help_text = (
        "Product id (or its beginning) or seller; else words in the newest 10,000 texts"
    )
    fieldsets = (
        (None, {"fields": ("picture", "whole_text", "read", "product_link", "result", "error")}),
        ("Scores", {"fields": ("scale", "p_cell", "confidence", "match_quality", "likely")}),
        ("The second judge", {"fields": ("second",)}),
        (
            "Which model",
            {"fields": ("model_version", "precision", "preparation", "threshold_override")},
        ),
        ("The work", {"fields": ("status", "attempts", "claimed_by", "created_at", "finished_at")}),
        ("Content", {"fields": ("image_sha256", "content_hash"), "classes": ("collapse",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Analysis]:
        kept_back = blind.is_product_kept_back(user=person(request), product="product")
        analyses = super().get_queryset(request).annotate(is_kept_back=kept_back)
        return analyses.filter(is_kept_back=False)

    @admin.display(description="Photo")
    def photo(self, row: Analysis) -> SafeString:
        return cells.thumbnail(row.image_url)

    @admin.display(description="Photo")
    def picture(self, row: Analysis) -> SafeString:
        return format_html('<img class="picture" src="{}" alt="">', row.image_url)

    @admin.display(description="Text")
    def text_cell(self, row: Analysis) -> SafeString:
        return format_html('<span class="cell-text">{}</span>', signs.shown(row.text))

    @admin.display(description="Text")
    def whole_text(self, row: Analysis) -> SafeString:
        return signs.shown(row.text)

    @admin.display(description="The model read")
    def read(self, row: Analysis) -> SafeString:
        return signs.shown("–" if row.text_read is None else row.text_read)

    @admin.display(description="Product id")
    def external_id(self, row: Analysis) -> str:
        return row.product.external_id

    @admin.display(description="Product")
    def product_link(self, row: Analysis) -> SafeString:
        return cells.link(row.product, str(row.product))

    @admin.display(description="Result")
    def result(self, row: Analysis) -> SafeString:
        return cells.verdict_badge(row)

    @admin.display(description="Similarity")
    def similarity_cell(self, row: Analysis) -> str:
        return clipmod.score(row.similarity)

    @admin.display(description="Threshold")
    def threshold_cell(self, row: Analysis) -> str:
        return clipmod.score(row.threshold_used)

    @admin.display(description="P(mismatch)")
    def p_cell(self, row: Analysis) -> str:
        return clipmod.percent(row.p_mismatch)

    @admin.display(description="Similarity")
    def scale(self, row: Analysis) -> str:
        return render_to_string("admin/scale.html", clipmod.similarity_scale(row)) or "–"

    @admin.display(description="What it says")
    def second(self, row: Analysis) -> str:
        found = second_verdicts.shown(row)
        context = {"second": found, "analysis": row}
        return render_to_string("admin/second.html", context) if found else "–"

    @admin.display(description="Confidence")
    def confidence(self, row: Analysis) -> str:
        return row.verdict.confidence if row.verdict else "–"

    @admin.display(description="Match quality")
    def match_quality(self, row: Analysis) -> str:
        return row.verdict.match_quality if row.verdict else "–"

    @admin.display(description="The photo looks like")
    def likely(self, row: Analysis) -> str:
        if row.top_categories and margins.of(row.model_version) is None:
            return "Not shown: how often this model's guesses are right is not measured yet."
        if row.top_categories and not margins.trusts_guess(row):
            return "Not shown: this model's guesses are not right often enough."
        return render_to_string("admin/categories.html", clipmod.likely_categories(row, 5))
