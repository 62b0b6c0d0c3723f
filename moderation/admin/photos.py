"""Photos by their addresses: which are here, which are not and why, and another attempt."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from moderation.models import Product, ProductPhoto
from moderation.services.catalogue.fetching import report, retries
from moderation.services.catalogue.fetching.problems import LABELS, label
from moderation.services.rules import photos

from . import cells
from .keyset import KeysetAdmin
from .lists import ReadOnlyAdmin

_KINDS = {ProductPhoto.State.FETCHED: "passed", ProductPhoto.State.FAILED: "flagged"}


class ProblemFilter(admin.SimpleListFilter):
    """By what went wrong at the last attempt."""

    title = "problem"
    parameter_name = "problem"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return list(LABELS.items())

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ProductPhoto]
    ) -> QuerySet[ProductPhoto]:
        return queryset.filter(problem=self.value()) if self.value() else queryset


@admin.register(ProductPhoto)
class ProductPhotoAdmin(KeysetAdmin, ReadOnlyAdmin):
    """What the shop names is what is fetched: nothing is changed here, only asked for again."""

    list_display = ("photo", "listing", "place", "state_cell", "what", "address", "checked_at")
    list_display_links = ("place",)
    list_filter = ("state", ProblemFilter)
    links_by = ("product__id__exact", "product__in_sources__source__exact")
    list_select_related = ("product",)
    product_path = "product__"
    search_fields = ("product__external_id", "product__seller")
    search_help_text = "Product id (or its beginning) or seller"
    actions = ("fetch_again", "export_csv")
    fields = (
        *("photo", "listing", "place", "address", "state_cell", "what"),
        *("attempts", "due_at", "checked_at", "image_sha256"),
    )

    @admin.display(description="Photo")
    def photo(self, row: ProductPhoto) -> SafeString:
        return _small(row)

    @admin.display(description="Product")
    def listing(self, row: ProductPhoto) -> SafeString:
        return cells.link(row.product, str(row.product))

    @admin.display(description="Which")
    def place(self, row: ProductPhoto) -> str:
        return "Main photo" if row.position == 0 else f"Photo {row.position + 1}"

    @admin.display(description="State")
    def state_cell(self, row: ProductPhoto) -> SafeString:
        return _badge(row)

    @admin.display(description="What went wrong")
    def what(self, row: ProductPhoto) -> str:
        return _said(row)

    @admin.display(description="Address")
    def address(self, row: ProductPhoto) -> SafeString | str:
        if not row.url:
            return "Came as a file"
        return format_html('<a href="{}" rel="noreferrer" target="_blank">{}</a>', row.url, row.url)

    # ── Actions ───────────────────────────────────────────────────────────────────────────────
    def has_fetch_again_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("moderation.change_product")

    @admin.action(description="Fetch again", permissions=["fetch_again"])
    def fetch_again(self, request: HttpRequest, queryset: QuerySet[ProductPhoto]) -> None:
        chosen = ProductPhoto.objects.filter(pk__in=queryset.values("pk"))
        count = retries.refetch(chosen) + retries.retry(chosen)
        asked = "1 photo is" if count == 1 else f"{count:,} photos are"
        self.message_user(request, f"{asked} asked for again.", messages.SUCCESS)

    @admin.action(description="Export as CSV", permissions=["view"])
    def export_csv(
        self, request: HttpRequest, queryset: QuerySet[ProductPhoto]
    ) -> StreamingHttpResponse:
        response = StreamingHttpResponse(_lines(queryset), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="photos.csv"'
        return response


def of_listing(product: Product) -> SafeString:
    """The photos of a listing that has several, or knows them by their addresses."""
    rows = list(product.photos.all())
    if not rows:
        return SafeString("One, which came as a file.")
    about = ((row.position + 1, _small(row), _badge(row), _said(row)) for row in rows)
    return format_html_join("", "<p>{}. {} {} {}</p>", about)


def _small(row: ProductPhoto) -> SafeString:
    return cells.thumbnail(photos.url(row.image) if row.image else "")


def _badge(row: ProductPhoto) -> SafeString:
    return cells.badge(row.get_state_display(), _KINDS.get(ProductPhoto.State(row.state), ""))


def _said(row: ProductPhoto) -> str:
    """The class and the sentence of the last attempt; empty where nothing went wrong."""
    return f"{label(row.problem)}: {row.error}" if row.problem else ""


class _Echo:
    """A file whose lines go on to the response."""

    def write(self, line: str) -> str:
        return line


def _lines(photos: QuerySet[ProductPhoto]) -> Iterator[str]:
    writer = csv.DictWriter(_Echo(), report.COLUMNS)
    yield writer.writeheader()
    with report.rows(photos) as rows:
        for row in rows:
            yield writer.writerow(row)
