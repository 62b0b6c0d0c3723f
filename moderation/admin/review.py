"""Review items and decisions: the record of the queue, to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from moderation.models import Decision, ReviewItem
from moderation.models.querysets import DecisionQuerySet
from moderation.templatetags import clipmod

from . import cells
from .keyset import KeysetAdmin
from .labels import ExportsLabels
from .lists import ReadOnlyAdmin
from .person import person


def queue_link(pk: int) -> SafeString:
    """A link to an item’s page in the queue."""
    address = reverse("admin:queue_item", args=[pk])
    return format_html('<a href="{}">Open in the queue</a>', address)


@admin.register(ReviewItem)
class ReviewItemAdmin(KeysetAdmin, ReadOnlyAdmin):
    """Read only: items are opened by analyses and closed by decisions.

    By key and never by suspicion: the place of what is judged blind would tell what the model said.
    """

    list_display = ("photo", "product", "state", "p_cell", "claimed_by", "opened_at", "in_queue")
    list_display_links = ("product",)
    list_filter = ("state", "product__category")
    list_select_related = ("product", "analysis", "claimed_by")
    product_path = "product__"
    search_fields = ("product__external_id", "product__seller")
    search_help_text = (
        "Product id (or its beginning) or seller; else words in the newest 10,000 products’ texts"
    )
    fields = ("product", "state", "claimed_by", "claimed_until", "opened_at", "in_queue")
    fields_in_the_open = (
        *("analysis", "stratum", "sampling_probability", "suspicion", "uncertainty"),
        *("in_audit", "picked_by", "second_of", "reopens"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReviewItem]:
        """`is_kept_back`: the product waits to be judged blind, as in this item or another one."""
        blind = ReviewItem.objects.blind().filter(product=OuterRef("product"))
        return super().get_queryset(request).annotate(is_kept_back=Exists(blind))

    def get_fields(self, request: HttpRequest, obj: ReviewItem | None = None) -> Any:
        """What waits to be judged blind tells nothing of the model, here neither."""
        if obj is not None and getattr(obj, "is_kept_back", True):
            return self.fields
        return (*self.fields, *self.fields_in_the_open)

    @admin.display(description="Photo")
    def photo(self, item: ReviewItem) -> SafeString:
        return cells.thumbnail(item.analysis.image_url)

    @admin.display(description="P(mismatch)")
    def p_cell(self, item: ReviewItem) -> str:
        is_kept_back = getattr(item, "is_kept_back", True)
        return "kept back" if is_kept_back else clipmod.percent(item.analysis.p_mismatch)

    @admin.display(description="Queue")
    def in_queue(self, item: ReviewItem) -> SafeString:
        return queue_link(item.pk)


@admin.register(Decision)
class DecisionAdmin(ExportsLabels, KeysetAdmin, ReadOnlyAdmin):
    """Read only: decisions are only ever added, by the queue; a correction is a new row.

    Left out is what was said of products about which the reader may be asked blind now.
    """

    list_display = (
        *("created_at", "thumbnail", "product", "verdict_cell", "reason", "wrong_side"),
        *("moderator", "seconds", "stands"),
    )
    list_display_links = ("created_at",)
    list_filter = ("verdict", "reason", "moderator")
    list_select_related = ("analysis", "item__product", "moderator", "corrected_by")
    product_path = "item__product__"
    search_fields = ("item__product__external_id", "item__product__seller")
    search_words = ("note",)
    search_help_text = (
        "Product id (or its beginning) or seller; else words in the newest 10,000 products’ texts, "
        "else in the newest 10,000 notes"
    )
    actions = ("export_labels",)
    fields = (
        *("product", "verdict", "reason", "wrong_side", "photo_number", "note"),
        *("moderator", "seconds", "mode"),
        *("stratum", "picked_by", "sampling_probability"),
        *("analysis", "corrects", "stands", "created_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        return Decision.objects.may_be_shown(to=person(request))

    def decisions_of(self, queryset: QuerySet[Decision]) -> DecisionQuerySet:
        return Decision.objects.standing().filter(pk__in=queryset.values("pk"))

    @admin.display(description="Photo")
    def thumbnail(self, row: Decision) -> SafeString:
        further = {one.position: one.image_url for one in row.analysis.further_photos}
        return cells.thumbnail(further.get(row.photo or 0, row.analysis.image_url))

    @admin.display(description="Number of the photo")
    def photo_number(self, row: Decision) -> int:
        return row.photo_number

    @admin.display(description="Product")
    def product(self, row: Decision) -> SafeString:
        return cells.link(row.item.product, str(row.item.product))

    @admin.display(description="Verdict")
    def verdict_cell(self, row: Decision) -> SafeString:
        kinds = {Decision.Verdict.CONFIRM: "flagged", Decision.Verdict.DISMISS: "passed"}
        return cells.badge(row.get_verdict_display(), kinds.get(Decision.Verdict(row.verdict), ""))

    @admin.display(description="Still stands", boolean=True)
    def stands(self, row: Decision) -> bool:
        return row.verdict != Decision.Verdict.UNDO and not hasattr(row, "corrected_by")
