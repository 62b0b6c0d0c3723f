"""GET /api/decisions: what people decided, newest first; corrections are rows of their own."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.models import Decision
from moderation.models.querysets import DecisionQuerySet

from .answers import responses
from .paging import NewestFirst
from .permissions import ReviewRights
from .product_filters import Filters, MomentField, MomentFilter, TrueFalseFilter
from .review_answers import DECISION_EXAMPLE, DecisionAnswer
from .view import ApiView


class SinceField(MomentField):
    default_error_messages = {
        "invalid": "since is not a time; send one such as 2026-01-31T12:00:00Z."
    }


class SinceFilter(MomentFilter):
    field_class = SinceField


class DecisionFilters(Filters):
    since = SinceFilter(
        field_name="created_at",
        lookup_expr="gte",
        help_text="Decided at this moment or later, such as 2026-01-31T12:00:00Z.",
    )
    product_id = filters.CharFilter(
        field_name="item__product__external_id", help_text="The shop's own id of the product."
    )
    standing = TrueFalseFilter(
        method="only_standing",
        help_text="`true`: only verdicts that hold, neither undone nor corrected; `false`: others.",
    )

    class Meta:
        model = Decision
        fields: list[str] = []

    def only_standing(self, rows: DecisionQuerySet, name: str, value: bool) -> QuerySet[Decision]:
        standing = Decision.objects.standing().values("pk")
        return rows.filter(pk__in=standing) if value else rows.exclude(pk__in=standing)


class Decisions(ApiView, generics.ListAPIView[Decision]):
    """Every decision that was ever made, except what could colour a second opinion."""

    permission_classes = [ReviewRights]
    serializer_class = DecisionAnswer
    filterset_class = DecisionFilters
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Decision]:
        found: DecisionQuerySet = Decision.objects.select_related("item__product", "analysis")
        return found.may_be_shown(to=self.request.user)

    @extend_schema(
        operation_id="decisions_list",
        summary="List decisions",
        description="Newest first. An undo and a correction are rows that name, in `corrects`, "
        "the decision that they end. To follow along, ask from a little before your last look: "
        "rows of the same moment may appear in any order. Who may decide does not see what was "
        "said of a product while somebody is asked about it blind: ask for the whole record with "
        "the token of a user who may only look (group `viewer`).",
        tags=["reviews"],
        responses=responses({200: DecisionAnswer(many=True)}, 400),
        examples=[OpenApiExample("A mismatch", value=DECISION_EXAMPLE, response_only=True)],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)
