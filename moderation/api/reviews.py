"""/api/reviews: what waits for review, for other tools than the queue's page."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.models import ReviewItem
from moderation.services.queue import second_verdicts

from .answers import responses
from .paging import NewestFirst
from .permissions import ReviewRights
from .product_filters import Filters, TrueFalseFilter, of_category, of_seller
from .review_answers import REVIEW_EXAMPLE, ReviewAnswer
from .view import ApiView

EXAMPLE = OpenApiExample("An open one", value=REVIEW_EXAMPLE, response_only=True)


class ReviewFilters(Filters):
    category = of_category("product__")
    seller = of_seller("product__")
    escalated = TrueFalseFilter(
        field_name="escalated_at",
        lookup_expr="isnull",
        exclude=True,
        help_text="Whether a lead decides it.",
    )

    class Meta:
        model = ReviewItem
        fields: list[str] = []


def shown() -> QuerySet[ReviewItem]:
    """Items with all that `ReviewAnswer` shows, in one query."""
    return ReviewItem.objects.select_related(
        *("product__category", "analysis__model_version", "claimed_by"),
        f"analysis__{second_verdicts.WITH_ITS_VERSION}",
    )


def find(pk: int) -> ReviewItem:
    """The item with this id, or a 404."""
    item = shown().filter(pk=pk).first()
    if item is None:
        raise NotFound(f"There is no review {pk}; check its id.")
    return item


class Reviews(ApiView, generics.ListAPIView[ReviewItem]):
    """Open items, newest first: the queue's own order would tell what is judged blind."""

    permission_classes = [ReviewRights]
    serializer_class = ReviewAnswer
    filterset_class = ReviewFilters
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[ReviewItem]:
        open_items = shown().filter(state=ReviewItem.State.OPEN)
        if not isinstance(self.request.user, User):  # the schema generator asks as nobody
            return open_items
        # A second opinion is not asked of who gave the first one.
        return open_items.exclude(second_of__decisions__moderator=self.request.user)

    @extend_schema(
        operation_id="reviews_list",
        summary="List what waits for review",
        tags=["reviews"],
        responses=responses({200: ReviewAnswer(many=True)}, 400),
        examples=[EXAMPLE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list(request, *args, **kwargs)


class Review(ApiView):
    """One item, open or not."""

    permission_classes = [ReviewRights]

    @extend_schema(
        operation_id="reviews_read",
        summary="Read a review",
        tags=["reviews"],
        responses=responses({200: ReviewAnswer}, 404),
        examples=[EXAMPLE],
    )
    def get(self, request: Request, pk: int) -> Response:
        return Response(ReviewAnswer(find(pk), context={"request": request}).data)
