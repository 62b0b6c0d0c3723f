"""POST /api/products/ID/erase: the content of a listing is gone for good."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.models import Product
from moderation.services.catalogue import erasure

from .answers import responses
from .json_fields import TextField
from .parsers import JsonParser
from .permissions import ErasureRights
from .products import PRODUCT_ID, no_product
from .view import ApiView, checked, person


class ErasureForm(serializers.Serializer[Any]):
    """Why."""

    reason = TextField(
        max_length=500, help_text="Kept on record; write nothing into it that has to go as well."
    )


class DataSetAnswer(serializers.Serializer[Any]):
    """A data set of trainings that holds the listing, and stays as it is."""

    folder = serializers.CharField()
    versions = serializers.ListField(
        child=serializers.CharField(),
        help_text="The model versions that were built with it, or come from those.",
    )
    is_gone = serializers.BooleanField(
        help_text="The folder is no longer there: whether it held the listing is not known."
    )


class ErasureAnswer(serializers.Serializer[Any]):
    """How much is gone; of analyses, decisions, appeals and deliveries only the content."""

    photos = serializers.IntegerField(help_text="Files that no other product shows.")
    vectors = serializers.IntegerField()
    analyses = serializers.IntegerField()
    decisions = serializers.IntegerField()
    appeals = serializers.IntegerField()
    deliveries = serializers.IntegerField()
    data_sets = DataSetAnswer(many=True)


_EXAMPLE = OpenApiExample(
    "Erased",
    value={
        "photos": 1,
        "vectors": 2,
        "analyses": 3,
        "decisions": 1,
        "appeals": 0,
        "deliveries": 1,
        "data_sets": [
            {"folder": "/srv/clipmod/snapshots/may", "versions": ["head-2"], "is_gone": False}
        ],
    },
    response_only=True,
)


class ProductErase(ApiView):
    """Erase one product by the shop's id."""

    permission_classes = [ErasureRights]
    parser_classes = [JsonParser]

    @extend_schema(
        operation_id="products_erase",
        summary="Erase a product for good",
        description="Photos, texts, ids, vectors and notes are gone from everywhere but backups "
        "and the data sets named in the answer. Scores and verdicts stay, without content. The id "
        "is gone as well: again is a 404.",
        tags=["products"],
        parameters=[PRODUCT_ID],
        request=ErasureForm,
        responses=responses({200: ErasureAnswer}, 400, 404, 413, 415, 503),
        examples=[_EXAMPLE],
    )
    def post(self, request: Request, product_id: str) -> Response:
        reason = checked(ErasureForm, request.data)["reason"]
        product = Product.objects.filter(external_id=product_id, erasure=None).first()
        if product is None:
            raise no_product(product_id)
        report = erasure.erase([product.pk], reason=reason, by=person(request))
        return Response(ErasureAnswer(report).data)
