"""The addresses of the API; each works with and without a slash at its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, URLResolver, path, re_path, register_converter

from .analyze import Analyze
from .appeals import AppealDetail, Appeals
from .batch import AnalyzeBatch
from .classify import Categories, Classify
from .decisions import Decisions
from .docs import Redoc, Schema, SwaggerDocs, redoc_script
from .erasure import ProductErase
from .health import Health
from .metrics import metrics
from .products import ProductAnalyses, ProductDetail, Products
from .products_bulk import ProductsBulk
from .review_actions import ReviewEscalate, ReviewSkip, ReviewUndo
from .review_decide import ReviewDecide
from .reviews import Review, Reviews
from .view import no_such_address


class ProductIdConverter:
    """A shop's own id: any characters, even slashes, but no NUL, which no database can hold."""

    regex = r"[^\x00]+"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(ProductIdConverter, "product_id")


def _both(route: str, view: Callable[..., Any], name: str) -> list[URLPattern]:
    """The slash comes first: the pattern of a product id would take it for a part of the id."""
    return [path(f"{route}/", view), path(route, view, name=name)]


urlpatterns: list[URLPattern | URLResolver] = [
    *_both("clip/health", Health.as_view(), "clip-health"),
    *_both("clip/categories", Categories.as_view(), "clip-categories"),
    *_both("clip/classify", Classify.as_view(), "clip-classify"),
    *_both("clip/analyze", Analyze.as_view(), "clip-analyze"),
    *_both("clip/analyze-batch", AnalyzeBatch.as_view(), "clip-analyze-batch"),
    *_both("api/products", Products.as_view(), "products"),
    *_both("api/products/bulk", ProductsBulk.as_view(), "products-bulk"),
    *_both(
        "api/products/<product_id:product_id>/analyses",
        ProductAnalyses.as_view(),
        "product-analyses",
    ),
    *_both(
        "api/products/<product_id:product_id>/erase",
        ProductErase.as_view(),
        "product-erase",
    ),
    *_both("api/products/<product_id:product_id>", ProductDetail.as_view(), "product"),
    *_both("api/reviews", Reviews.as_view(), "reviews"),
    *_both("api/reviews/undo", ReviewUndo.as_view(), "review-undo"),
    *_both("api/reviews/<int:pk>", Review.as_view(), "review"),
    *_both("api/reviews/<int:pk>/decide", ReviewDecide.as_view(), "review-decide"),
    *_both("api/reviews/<int:pk>/skip", ReviewSkip.as_view(), "review-skip"),
    *_both("api/reviews/<int:pk>/escalate", ReviewEscalate.as_view(), "review-escalate"),
    *_both("api/decisions", Decisions.as_view(), "decisions"),
    *_both("api/appeals", Appeals.as_view(), "appeals"),
    *_both("api/appeals/<product_id:reference>", AppealDetail.as_view(), "appeal"),
    path("metrics", metrics, name="metrics"),
    *_both("schema", Schema.as_view(), "schema"),
    *_both("docs", SwaggerDocs.as_view(), "docs"),
    *_both("redoc", Redoc.as_view(), "redoc"),
    path("redoc.js", redoc_script, name="redoc-script"),
    re_path(r"^(?:clip|api)(?:/[\s\S]*)?$", no_such_address),
]
