"""/api/products: products in and out, and what the model said of each."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.models import Analysis, Product
from moderation.services.catalogue import intake

from .answers import UPLOAD, responses
from .fields import ListingTextField, OptionalNameField, PhotoField, ProductIdField
from .paging import NewestFirst
from .permissions import ProductRights
from .product_answers import (
    ANALYSIS_EXAMPLE,
    PRODUCT_EXAMPLE,
    AnalysisAnswer,
    ProductAnswer,
)
from .product_filters import ProductFilters
from .view import ApiView, checked

PRODUCT_ID = OpenApiParameter(
    "product_id", str, OpenApiParameter.PATH, description="The shop's own id of the product."
)
_EXAMPLE = OpenApiExample("An analysed product", value=PRODUCT_EXAMPLE, response_only=True)


class ProductForm(serializers.Serializer[Any]):
    """A product as the shop sends it."""

    product_id = ProductIdField()
    text = ListingTextField()
    image = PhotoField(
        required=False, help_text="Needed for a new product; left out, the photo stays."
    )
    category = OptionalNameField()
    seller = OptionalNameField()


def shown_products() -> QuerySet[Product]:
    """Products with all that `ProductAnswer` shows, in one query."""
    newest = Analysis.objects.filter(product=OuterRef("pk")).order_by("-pk")
    return Product.objects.select_related("category", "analysis__model_version").annotate(
        newest_status=Subquery(newest.values("status")[:1])
    )


class Products(ApiView, generics.ListAPIView[Product]):
    """All products, newest first, and the door for new ones."""

    permission_classes = [ProductRights]
    parser_classes = [MultiPartParser]
    serializer_class = ProductAnswer
    filterset_class = ProductFilters
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Product]:
        return shown_products()

    @extend_schema(
        operation_id="products_list",
        summary="List products",
        tags=["products"],
        responses=responses({200: ProductAnswer(many=True)}, 400),
        examples=[_EXAMPLE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="products_create",
        summary="Create or update a product",
        description="Stores the product and, where photo or text are new, queues its analysis. "
        "Of a known `product_id`, photo, category and seller stay as they are where left out.",
        tags=["products"],
        request={"multipart/form-data": ProductForm},
        responses=responses({200: ProductAnswer, 201: ProductAnswer}, *UPLOAD),
        examples=[_EXAMPLE],
        filters=False,
    )
    def post(self, request: Request) -> Response:
        data = checked(ProductForm, request.data)
        listing = intake.Listing(
            external_id=data["product_id"],
            text=data["text"],
            image=data["image"].read() if "image" in data else None,
            category=data.get("category"),
            seller=data.get("seller"),
        )
        product, outcome = intake.take(listing, source=Product.Source.API)
        answer = ProductAnswer(shown_products().get(pk=product.pk)).data
        return Response(answer, status=201 if outcome is intake.Outcome.CREATED else 200)


class ProductDetail(ApiView):
    """One product by the shop's id."""

    permission_classes = [ProductRights]

    @extend_schema(
        operation_id="products_read",
        summary="Read a product",
        tags=["products"],
        parameters=[PRODUCT_ID],
        responses=responses({200: ProductAnswer}, 404),
        examples=[_EXAMPLE],
    )
    def get(self, request: Request, product_id: str) -> Response:
        product = shown_products().filter(external_id=product_id).first()
        if product is None:
            raise _no_product(product_id)
        return Response(ProductAnswer(product).data)


class ProductAnalyses(ApiView, generics.ListAPIView[Analysis]):
    """The history of one product's analyses, newest first."""

    permission_classes = [ProductRights]
    serializer_class = AnalysisAnswer
    pagination_class = NewestFirst
    filter_backends = []

    def get_queryset(self) -> QuerySet[Analysis]:
        if "product_id" not in self.kwargs:  # the schema generator asks without an address
            return Analysis.objects.none()
        product_id = self.kwargs["product_id"]
        found = Product.objects.filter(external_id=product_id).values_list("pk", flat=True).first()
        if found is None:
            raise _no_product(product_id)
        return Analysis.objects.filter(product=found).select_related("model_version")

    @extend_schema(
        operation_id="products_analyses",
        summary="List the analyses of a product",
        tags=["products"],
        parameters=[PRODUCT_ID],
        responses=responses({200: AnalysisAnswer(many=True)}, 400, 404),
        examples=[OpenApiExample("A finished one", value=ANALYSIS_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


def _no_product(product_id: str) -> NotFound:
    return NotFound(f"There is no product {product_id[:100]!r}; check its id.")
