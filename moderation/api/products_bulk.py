"""POST /api/products/bulk: up to 1,000 products by their photos' addresses, answered row by row."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.models import Product
from moderation.services.catalogue import intake_bulk
from moderation.services.catalogue.intake import IntakeError, Listing, Outcome

from .answers import UPLOAD, responses
from .errors import first_problem
from .parsers import JsonLinesParser, JsonParser, NdJsonParser
from .permissions import ProductRights
from .product_forms import ProductByAddress
from .view import ApiView

MOST = 1000


class BulkRow(serializers.Serializer[Any]):
    """What became of one row of the request."""

    index = serializers.IntegerField(help_text="Position in the request, from 0.")
    product_id = serializers.CharField(allow_null=True)
    status = serializers.IntegerField(help_text="201 created, 200 known before, 400 not taken.")
    outcome = serializers.ChoiceField(
        [*(one.value for one in Outcome), "refused"], help_text="What was done with it."
    )
    error = serializers.CharField(allow_null=True, help_text="Why it was not taken, or null.")
    field = serializers.CharField(allow_null=True, help_text="The field at fault, or null.")


class BulkAnswer(serializers.Serializer[Any]):
    """Every row of the request, in its order."""

    results = BulkRow(many=True)


_EXAMPLES = [
    OpenApiExample(
        "A product with two photos",  # drf-spectacular makes it a list of one
        value={
            "product_id": "SKU-1",
            "text": "Red cotton T-shirt",
            "photos": ["https://cdn.shop.example/1.jpg", "https://cdn.shop.example/2.jpg"],
        },
        request_only=True,
        media_type="application/json",
    ),
    OpenApiExample(
        "One taken, one not",
        value={
            "results": [
                {
                    "index": 0,
                    "product_id": "SKU-1",
                    "status": 201,
                    "outcome": "created",
                    "error": None,
                    "field": None,
                },
                {
                    "index": 1,
                    "product_id": "SKU-2",
                    "status": 400,
                    "outcome": "refused",
                    "error": "text is empty; give the title or description.",
                    "field": "text",
                },
            ]
        },
        response_only=True,
        status_codes=["200"],
    ),
]


class ProductsBulk(ApiView):
    """Sent again it changes nothing: rows are told apart by their `product_id`."""

    permission_classes = [ProductRights]
    parser_classes = [JsonParser, JsonLinesParser, NdJsonParser]

    @extend_schema(
        operation_id="products_bulk",
        summary="Create or update many products",
        description=f"A JSON array, or JSON lines, of up to {MOST:,} products with the addresses "
        "of their photos. Each row is taken or refused by itself. The worker fetches the photos, "
        "and the analyses follow. Sent again, nothing is doubled.",
        tags=["products"],
        request={"application/json": ProductByAddress(many=True)},
        responses=responses({200: BulkAnswer}, *UPLOAD),
        examples=_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        given = request.data
        if not isinstance(given, list):
            raise ValidationError("The body must be a JSON array, or JSON lines, of products.")
        if len(given) > MOST:
            raise ValidationError(
                f"There are {len(given):,} products; send at most {MOST:,} in one request."
            )
        read = [_read(row) for row in given]
        sound = [row for row in read if isinstance(row, Listing)]
        taken = iter(intake_bulk.take_many(sound, source=Product.Source.API))
        rows = [next(taken) if isinstance(row, Listing) else row for row in read]
        answers = [_answer(_id(row), what) for row, what in zip(given, rows, strict=True)]
        return Response(
            {"results": [{"index": index} | answer for index, answer in enumerate(answers)]}
        )


def _read(row: Any) -> Listing | APIException:
    """The listing of a row, or why it is none."""
    if isinstance(row, ParseError):
        return row
    form = ProductByAddress(data=row)
    return form.to_listing() if form.is_valid() else ValidationError(form.errors)


def _answer(product_id: str | None, what: Outcome | IntakeError | APIException) -> dict[str, Any]:
    row: dict[str, Any] = {"product_id": product_id, "error": None, "field": None}
    if isinstance(what, Outcome):
        status = 201 if what is Outcome.CREATED else 200
        return row | {"status": status, "outcome": what.value}
    if isinstance(what, IntakeError):
        field, sentence = what.field, str(what)
    else:
        field, sentence = first_problem(what)
    return row | {"status": 400, "outcome": "refused", "error": sentence, "field": field or None}


def _id(row: Any) -> str | None:
    found = row.get("product_id") if isinstance(row, dict) else None
    return found if isinstance(found, str) else None
