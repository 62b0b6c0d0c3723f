"""Passing a review on by the API, and taking back what one did last, as in the queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.models import ReviewItem, Skip
from moderation.services.queue import review, review_undo

from .answers import responses
from .choice_fields import OneOfField
from .errors import Conflict
from .json_fields import TextField, WholeNumberField
from .parsers import JsonParser
from .permissions import ReviewRights
from .review_answers import REVIEW_EXAMPLE, ReviewAnswer
from .reviews import EXAMPLE, find
from .view import ApiView, checked, person

REFUSALS = (400, 404, 409, 413, 415)


def _acted(action: Callable[[], Any]) -> Any:
    """Do what a moderator does; what the queue refuses is a 409 with its sentence."""
    try:
        return action()
    except review.ReviewError as error:
        raise Conflict(str(error)) from error


class ReviewAction(ApiView):
    """Base of what is done with a review."""

    permission_classes = [ReviewRights]
    parser_classes = [JsonParser]


class SkipForm(serializers.Serializer[Any]):
    reason = OneOfField(Skip.Reason.choices, required=False, default=Skip.Reason.CANNOT_TELL.value)


class SkipAnswer(serializers.Serializer[Any]):
    escalated = serializers.BooleanField(
        help_text="Whether a lead decides it now, as three people skipped it."
    )


class ReviewSkip(ReviewAction):
    """Pass an item on to somebody else."""

    @extend_schema(
        operation_id="reviews_skip",
        summary="Skip a review",
        description="It does not come back to the same person. To skip twice is harmless.",
        tags=["reviews"],
        request=SkipForm,
        responses=responses({200: SkipAnswer}, *REFUSALS),
        examples=[
            OpenApiExample("A language", value={"reason": "language"}, request_only=True),
            OpenApiExample("Skipped", value={"escalated": False}, response_only=True),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        form = checked(SkipForm, request.data)
        item = find(pk)
        if item.state != ReviewItem.State.OPEN:
            raise Conflict(review.who_was_faster(item, asking=person(request)))
        went_on = _acted(lambda: review.skip(item, moderator=person(request), **form))
        return Response({"escalated": went_on})


class EscalateForm(serializers.Serializer[Any]):
    note = TextField(max_length=500, required=False, allow_blank=True, default="")


class ReviewEscalate(ReviewAction):
    """Ask a lead."""

    @extend_schema(
        operation_id="reviews_escalate",
        summary="Let a lead decide a review",
        tags=["reviews"],
        request=EscalateForm,
        responses=responses({200: ReviewAnswer}, *REFUSALS),
        examples=[
            OpenApiExample("With a note", value={"note": "A forgery?"}, request_only=True),
            OpenApiExample(
                "Escalated",
                value=REVIEW_EXAMPLE | {"is_escalated": True, "escalation_note": "A forgery?"},
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        form = checked(EscalateForm, request.data)
        item = find(pk)
        _acted(lambda: review.escalate(item, moderator=person(request), **form))
        return Response(ReviewAnswer(find(pk), context={"request": request}).data)


class UndoForm(serializers.Serializer[Any]):
    decision = WholeNumberField(
        min_value=1,
        required=False,
        help_text="Undo only if this is what you did last: a request sent twice undoes one.",
    )
    review = WholeNumberField(
        min_value=1,
        required=False,
        help_text="Undo only if what you did last was about this review, as above.",
    )


class ReviewUndo(ReviewAction):
    """Take back what one did last."""

    @extend_schema(
        operation_id="reviews_undo",
        summary="Undo what you did last",
        description="A decision, a skip or a question to a lead. Possible until the shop was told "
        "of it, or somebody else took what you passed on. The item is yours again.",
        tags=["reviews"],
        request=UndoForm,
        responses=responses({200: ReviewAnswer}, *REFUSALS),
        examples=[
            OpenApiExample("A certain one", value={"decision": 51}, request_only=True),
            EXAMPLE,
        ],
    )
    def post(self, request: Request) -> Response:
        form = checked(UndoForm, request.data)
        decision, about = (form.get(name) for name in ("decision", "review"))
        item = _acted(
            lambda: review_undo.undo(moderator=person(request), decision=decision, item=about)
        )
        return Response(ReviewAnswer(find(item.pk), context={"request": request}).data)
