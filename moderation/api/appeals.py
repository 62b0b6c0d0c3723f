"""/api/appeals: the shop files sellers' objections and reads how they ended."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import generics, serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.models import Appeal, Decision
from moderation.services.integration import appeal_filing, appeals

from .answers import responses
from .errors import Conflict, invalid
from .json_fields import TextField, WholeNumberField
from .paging import NewestFirst
from .parsers import JsonParser
from .permissions import AppealRights
from .product_filters import Filters, OneOfFilter
from .view import ApiView, checked, person

_EXAMPLE_VALUE: dict[str, Any] = {
    "reference": "APPEAL-77",
    "decision": 51,
    "product_id": "SKU-1001",
    "statement": "The photo shows this very shirt, in evening light.",
    "state": "overturned",
    "answer": "You are right: it is the same shirt.",
    "outcome": 64,
    "filed_at": "2026-02-01T09:00:00Z",
    "decided_at": "2026-02-01T15:30:00Z",
}
_EXAMPLE = OpenApiExample("A successful one", value=_EXAMPLE_VALUE, response_only=True)


class AppealForm(serializers.Serializer[Any]):
    """An objection to one decision."""

    reference = TextField(
        max_length=100,
        help_text="The shop's own id of the appeal. To send it twice is harmless.",
    )
    decision = WholeNumberField(
        min_value=1, help_text="`decision_id` of the webhook, or `id` in /api/decisions."
    )
    statement = TextField(
        max_length=appeal_filing.STATEMENT_LENGTH, help_text="What the seller says."
    )


class AppealAnswer(serializers.ModelSerializer[Appeal]):
    """An appeal and, once it is decided, its answer."""

    decision = serializers.IntegerField(source="decision_id")
    product_id = serializers.CharField(source="decision.analysis.product.external_id")
    answer = serializers.CharField(help_text="For the seller; empty while it is open.")
    outcome = serializers.IntegerField(
        source="outcome_id",
        allow_null=True,
        help_text="The new decision, where the appeal was successful.",
    )

    class Meta:
        model = Appeal
        fields = [
            "reference",
            "decision",
            "product_id",
            "statement",
            "state",
            "answer",
            "outcome",
            "filed_at",
            "decided_at",
        ]
        read_only_fields = fields


class AppealFilters(Filters):
    state = OneOfFilter(choices=Appeal.State.choices)

    class Meta:
        model = Appeal
        fields: list[str] = []


def _shown() -> QuerySet[Appeal]:
    return Appeal.objects.select_related("decision__analysis__product").defer("evidence")


class Appeals(ApiView, generics.ListAPIView[Appeal]):
    """List appeals, newest first; POST files one."""

    permission_classes = [AppealRights]
    parser_classes = [JsonParser]
    serializer_class = AppealAnswer
    filterset_class = AppealFilters
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Appeal]:
        return _shown()

    @extend_schema(
        operation_id="appeals_list",
        summary="List appeals",
        tags=["appeals"],
        responses=responses({200: AppealAnswer(many=True)}, 400),
        examples=[_EXAMPLE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)

    @extend_schema(
        operation_id="appeals_create",
        summary="File an appeal",
        description="Somebody who had no part in the decision decides it. What was judged is "
        "kept as it was. The same reference, decision and statement again are answered with 200.",
        tags=["appeals"],
        request=AppealForm,
        responses=responses({200: AppealAnswer, 201: AppealAnswer}, 400, 409, 413, 415),
        examples=[
            OpenApiExample(
                "An objection",
                value={
                    name: _EXAMPLE_VALUE[name] for name in ("reference", "decision", "statement")
                },
                request_only=True,
            ),
            OpenApiExample(
                "Filed",
                value=_EXAMPLE_VALUE
                | {"state": "open", "answer": "", "outcome": None, "decided_at": None},
                response_only=True,
            ),
        ],
        filters=False,
    )
    def post(self, request: Request) -> Response:
        data = checked(AppealForm, request.data)
        decision = (
            Decision.objects.filter(pk=data["decision"])
            .select_related(
                "item", "analysis__product__category", "analysis__model_version", "corrects"
            )
            .first()
        )
        if decision is None:
            raise invalid("decision", f"There is no decision {data['decision']}; check its id.")
        try:
            appeal, is_new = appeal_filing.file(
                decision,
                reference=data["reference"],
                statement=data["statement"],
                filed_by=person(request),
            )
        except appeals.AppealConflict as error:
            raise Conflict(str(error)) from error
        return Response(AppealAnswer(appeal).data, status=201 if is_new else 200)


class AppealDetail(ApiView):
    """One appeal by the shop's reference."""

    permission_classes = [AppealRights]

    @extend_schema(
        operation_id="appeals_read",
        summary="Read an appeal",
        tags=["appeals"],
        parameters=[
            OpenApiParameter(
                "reference", str, OpenApiParameter.PATH, description="The shop's own id of it."
            )
        ],
        responses=responses({200: AppealAnswer}, 404),
        examples=[_EXAMPLE],
    )
    def get(self, request: Request, reference: str) -> Response:
        appeal = _shown().filter(reference=reference).first()
        if appeal is None:
            raise NotFound(f"There is no appeal {reference[:100]!r}; check its reference.")
        return Response(AppealAnswer(appeal).data)
