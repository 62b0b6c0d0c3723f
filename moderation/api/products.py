"""/api/products: products in and out, and what the model said of each."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import OuterRef, QuerySet, Subquery
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import generics
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.models import Analysis, Product
from moderation.services.catalogue import intake, withdrawal
from moderation.services.queue import blind, second_verdicts

from .answers import UPLOAD, responses
from .fields import form_with_photo
from .paging import NewestFirst
from .parsers import JsonParser
from .permissions import ProductRights
from .product_answers import (
    ANALYSIS_EXAMPLE,
    PRODUCT_EXAMPLE,
    AnalysisAnswer,
    ProductAnswer,
)
from .product_filters import ProductFilters
from .product_forms import ProductByAddress, ProductForm
from .view import ApiView

PRODUCT_ID = OpenApiParameter(
    "product_id", str, OpenApiParameter.PATH, description="The shop's own id of the product."
)
_EXAMPLE = OpenApiExample("An analysed product", value=PRODUCT_EXAMPLE, response_only=True)


def shown_products(user: User | AnonymousUser) -> QuerySet[Product]:
    """Products with all that `ProductAnswer` shows to this person, in two queries.

    Of those that were erased there is nothing to show.
    """
    newest = Analysis.objects.filter(product=OuterRef("pk")).order_by("-pk")
    products = Product.objects.filter(erasure=None).prefetch_related("photos")
    shown = ("analysis__model_version", f"analysis__{second_verdicts.WITH_ITS_VERSION}")
    return products.select_related("category", *shown).annotate(
        newest_status=Subquery(newest.values("status")[:1]),
        is_kept_back=blind.is_product_kept_back(user=user),
    )


class Products(ApiView, generics.ListAPIView[Product]):
    """List products, newest first; POST creates or updates one."""

    permission_classes = [ProductRights]
    parser_classes = [MultiPartParser, JsonParser]
    serializer_class = ProductAnswer
    filterset_class = ProductFilters
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Product]:
        return shown_products(self.request.user)

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
        "Its photo is sent as a file in a form, or named by address in JSON: then the worker "
        "fetches it, and the analysis follows. Of several photos the first is the main one, a file "
        "before all addresses. Of a known `product_id`, photos, category and seller stay as they "
        "are where left out.",
        tags=["products"],
        request={
            **form_with_photo(ProductForm, "image"),
            "application/json": ProductByAddress,
        },
        responses=responses({200: ProductAnswer, 201: ProductAnswer}, *UPLOAD, 507),
        examples=[_EXAMPLE],
        filters=False,
    )
    def post(self, request: Request) -> Response:
        is_form = request.content_type.startswith("multipart/")
        form = (ProductForm if is_form else ProductByAddress)(data=request.data)
        form.is_valid(raise_exception=True)
        product, outcome = intake.take(form.to_listing(), source=Product.Source.API)
        shown = shown_products(request.user).get(pk=product.pk)
        answer = ProductAnswer(shown, context={"request": request}).data
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
        return self._answer(request, product_id)

    @extend_schema(
        operation_id="products_withdraw",
        summary="Withdraw a product",
        description="The shop no longer offers it: it leaves the queue, the figures and new "
        "training data, while decisions stay. Withdrawing again changes nothing; sending the "
        "product again brings it back.",
        tags=["products"],
        parameters=[PRODUCT_ID],
        responses=responses({200: ProductAnswer}, 404),
        examples=[_EXAMPLE],
    )
    def delete(self, request: Request, product_id: str) -> Response:
        keys = list(Product.objects.filter(external_id=product_id).values_list("pk", flat=True))
        withdrawal.withdraw(keys, by=request.user if request.user.is_authenticated else None)
        return self._answer(request, product_id)

    def _answer(self, request: Request, product_id: str) -> Response:
        product = shown_products(request.user).filter(external_id=product_id).first()
        if product is None:
            raise no_product(product_id)
        return Response(ProductAnswer(product, context={"request": request}).data)


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
        shown = shown_products(self.request.user).prefetch_related(None)
        found = shown.filter(external_id=product_id).first()
        if found is None:
            raise no_product(product_id)
        if getattr(found, "is_kept_back", True):
            raise PermissionDenied(blind.sentence(product_id))
        return Analysis.objects.filter(product=found).select_related(
            "model_version", second_verdicts.WITH_ITS_VERSION
        )

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


def no_product(product_id: str) -> NotFound:
    return NotFound(f"There is no product {product_id[:100]!r}; check its id.")
