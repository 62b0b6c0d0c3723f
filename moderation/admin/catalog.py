"""Products and categories."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms import ModelChoiceField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.html import format_html
from django.utils.safestring import SafeString

from moderation.clip.errors import ModelError
from moderation.models import Analysis, Category, Decision, Product, ReviewItem
from moderation.models.querysets import DecisionQuerySet
from moderation.services.catalogue import intake
from moderation.services.queue import blind
from moderation.services.scoring import analyze
from moderation.templatetags import clipmod

from . import cells, imports, photos, signs, words
from .keyset import KeysetAdmin
from .labels import ExportsLabels
from .person import person
from .product_filters import AnalysisStatusFilter, FlaggedFilter, WithdrawnFilter
from .product_form import KnownCategory, ProductForm
from .review import queue_link
from .way_out import WaysOut

# One request per so many products, so that a large selection stays out of memory.
REQUEST_CHUNK = 1000
KEPT_BACK = "kept back"


def _is_kept_back(product: Product) -> bool:
    """Whether the reader may be asked to judge it blind (`ProductAdmin.get_queryset`)."""
    return bool(getattr(product, "is_kept_back", True))


@admin.register(Product)
class ProductAdmin(WaysOut, ExportsLabels, KeysetAdmin):
    """The catalogue with what the model says of each listing."""

    form = ProductForm
    change_list_template = "admin/moderation/product/change_list.html"
    list_display = (
        *("photo", "text_cell", "external_id", "category", "status"),
        *("similarity", "p_mismatch", "in_queue"),
    )
    list_display_links = ("text_cell",)
    list_filter = (
        FlaggedFilter,
        AnalysisStatusFilter,
        WithdrawnFilter,
        "source",
        "analysis__model_version",
        "category",
    )
    links_by = ("seller",)
    list_select_related = ("category", "analysis")
    search_fields = ("external_id", "seller")
    search_words = ("text",)
    search_help_text = (
        "Product id (or its beginning) or seller; else words in the newest 10,000 texts"
    )
    actions = ("analyse_again", "export_labels", "withdraw", "bring_back", "erase")
    autocomplete_fields = ("category",)
    _facts = (
        "picture",
        "all_photos",
        "withdrawn_at",
        "status",
        "similarity",
        "p_mismatch",
        "analyses",
        "in_queue",
    )

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:
        if db_field.name == "category":
            kwargs["widget"] = KnownCategory(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Product]:
        live = Analysis.objects.live().filter(product=OuterRef("pk")).order_by("-pk")
        open_item = ReviewItem.objects.open().filter(product=OuterRef("pk"))
        kept_back = blind.is_product_kept_back(user=person(request))
        return (
            super()
            .get_queryset(request)
            .annotate(
                live_status=Subquery(live.values("status")[:1]),
                open_item=Subquery(open_item.values("pk")[:1]),
                is_kept_back=kept_back,
            )
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ("external_id", "text", "image", "category", "seller")
        if obj is None:
            return [(None, {"fields": fields})]
        return [(None, {"fields": fields}), ("Analysis", {"fields": self._facts})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("external_id", *self._facts) if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """Hand the listing to the intake; the form has checked it already."""
        assert isinstance(form, ProductForm)
        product, outcome = intake.take(form.listing(), source=Product.Source.ADMIN)
        obj.pk = product.pk
        obj.refresh_from_db()
        if outcome is not intake.Outcome.UNCHANGED:
            self.message_user(request, "Its analysis is queued.")

    def get_urls(self) -> list[URLPattern]:
        return [*imports.urls(self), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        may = {"may_import": imports.may_import(request)}
        return super().changelist_view(request, may | (extra_context or {}))

    # ── Cells ─────────────────────────────────────────────────────────────────────────────────
    @admin.display(description="Photo")
    def photo(self, product: Product) -> SafeString:
        return cells.thumbnail(product.image_url)

    @admin.display(description="Photo")
    def picture(self, product: Product) -> SafeString:
        if not product.image_url:
            return SafeString("It is still to be fetched.")
        return format_html('<img class="picture" src="{}" alt="">', product.image_url)

    @admin.display(description="Photos")
    def all_photos(self, product: Product) -> SafeString | str:
        return photos.of_listing(product)

    @admin.display(description="Text")
    def text_cell(self, product: Product) -> SafeString:
        return format_html('<span class="cell-text">{}</span>', signs.shown(product.text))

    @admin.display(description="Analysis")
    def status(self, product: Product) -> SafeString | str:
        if product.withdrawn_at is not None:
            return cells.badge("withdrawn")
        live = getattr(product, "live_status", None)
        if live:
            return cells.badge(str(Analysis.Status(live).label).lower())
        return KEPT_BACK if _is_kept_back(product) else cells.verdict_badge(product.analysis)

    @admin.display(description="Similarity")
    def similarity(self, product: Product) -> str:
        if _is_kept_back(product):
            return KEPT_BACK
        return clipmod.score(product.analysis.similarity if product.analysis else None)

    @admin.display(description="P(mismatch)")
    def p_mismatch(self, product: Product) -> str:
        if _is_kept_back(product):
            return KEPT_BACK
        return clipmod.percent(product.analysis.p_mismatch if product.analysis else None)

    @admin.display(description="Analyses")
    def analyses(self, product: Product) -> SafeString:
        address = "admin:moderation_analysis_changelist"
        return cells.list_link(address, f"product__id__exact={product.pk}", "All its analyses")

    @admin.display(description="Queue")
    def in_queue(self, product: Product) -> SafeString | str:
        open_item = getattr(product, "open_item", None)
        return queue_link(open_item) if open_item else "–"

    # ── Actions ───────────────────────────────────────────────────────────────────────────────
    def decisions_of(self, queryset: QuerySet[Product]) -> DecisionQuerySet:
        return Decision.objects.standing().filter(analysis__product__in=queryset.values("pk"))

    def has_reanalyze_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("moderation.reanalyze")

    @admin.action(description="Analyse again", permissions=["reanalyze"])
    def analyse_again(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        asked = 0
        try:
            for start in range(0, len(ids), REQUEST_CHUNK):
                chunk = ids[start : start + REQUEST_CHUNK]
                asked += analyze.request(Product.objects.filter(pk__in=chunk))
        except ModelError as error:
            self.message_user(request, str(error), messages.ERROR)
            return
        waiting = f" {len(ids) - asked:,} were waiting already." if asked < len(ids) else ""
        self.message_user(request, f"{asked:,} analyses are queued.{waiting}", messages.SUCCESS)


@admin.register(Category)
class CategoryAdmin(admin.ModelAdmin):
    """Categories: each change holds from the next classification on."""

    list_display = ("name", "prompt", "is_active", "threshold", "products")
    list_editable = ("prompt", "is_active", "threshold")
    list_filter = ("is_active",)
    search_fields = ("name", "prompt")
    ordering = ("key",)
    list_per_page = 100
    show_full_result_count = False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        if not search_term.strip():
            return queryset, False
        found = words.rows_with(search_term, Category.objects.all(), among=self.search_fields)
        return queryset.filter(pk__in=list(found)), False

    @admin.display(description="Products")
    def products(self, category: Category) -> SafeString:
        address = "admin:moderation_product_changelist"
        return cells.list_link(address, f"category__id__exact={category.pk}", "Its products")

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "threshold" in form.changed_data:
            self.message_user(
                request,
                f"The threshold of {obj.name} holds for new analyses. Run python manage.py "
                f'reanalyze --category "{obj.name}" to judge the analysed products by it; '
                "no photo is encoded again.",
                messages.WARNING,
            )
