"""What moderators do with a review by the API, under the same rules as in the queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.models import Decision, ReviewItem, Skip
from moderation.services.queue import review, review_undo

from . import idempotency
from .answers import responses
from .errors import Conflict, invalid
from .fields import OneOfField
from .parsers import JsonParser
from .permissions import ReviewRights
from .review_answers import DECISION_EXAMPLE, REVIEW_EXAMPLE, DecisionAnswer, ReviewAnswer
from .reviews import EXAMPLE, find
from .view import ApiView

_REFUSALS = (400, 404, 409, 413, 415)


def _moderator(request: Request) -> User:
    assert isinstance(request.user, User)  # the rights let nobody else in
    return request.user


def _acted(action: Callable[[], Any]) -> Any:
    """Do what a moderator does; what the queue refuses is a 409 with its sentence."""
    try:
        return action()
    except review.ReviewError as error:
        raise Conflict(str(error)) from error


class DecideForm(serializers.Serializer[Any]):
    """A verdict with a reason that goes with it."""

    verdict = OneOfField([verdict.value for verdict in Decision.Verdict.answers()])
    reason = OneOfField(Decision.Reason.choices)
    wrong_side = OneOfField(Decision.Side.choices, required=False, allow_blank=True, default="")
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")

    def validate(self, form: dict[str, Any]) -> dict[str, Any]:
        allowed = Decision.Verdict(form["verdict"]).reasons
        if form["reason"] not in allowed:
            raise invalid(
                "reason",
                f"reason does not go with {form['verdict']}; send one of "
                f"{', '.join(one.value for one in allowed)}.",
            )
        return form


class ReviewDecide(ApiView):
    """Confirm or dismiss."""

    permission_classes = [ReviewRights]
    parser_classes = [JsonParser]

    @extend_schema(
        operation_id="reviews_decide",
        summary="Decide a review",
        description="`confirm` says that photo and text do not match, `dismiss` that they do. "
        f"With the header `{idempotency.KEY}` the request can be sent again after a lost answer: "
        "it is answered as the first time, and decides nothing twice.",
        tags=["reviews"],
        parameters=[idempotency.HEADER],
        request=DecideForm,
        responses=responses({201: DecisionAnswer}, *_REFUSALS, 422),
        examples=[
            OpenApiExample(
                "A mismatch",
                value={"verdict": "confirm", "reason": "other_product", "wrong_side": "image"},
                request_only=True,
            ),
            OpenApiExample("Decided", value=DECISION_EXAMPLE, response_only=True),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        form = DecideForm(data=request.data)
        form.is_valid(raise_exception=True)
        key, wish = idempotency.key_of(request), {"item_id": pk, **form.validated_data}
        moderator = _moderator(request)
        decision = idempotency.made_before(moderator, key, wish)
        if decision is None:
            item = find(pk)
            try:
                decision = review.decide(
                    item,
                    moderator=moderator,
                    mode=Decision.Mode.API,
                    idempotency_key=key,
                    **form.validated_data,
                )
            except (review.ReviewError, IntegrityError) as error:
                # The same request may have come twice at once, and this is the slower one.
                decision = idempotency.made_before(moderator, key, wish)
                if decision is None and isinstance(error, review.ReviewError):
                    raise Conflict(str(error)) from error
                if decision is None:
                    raise
        return Response(DecisionAnswer(decision).data, status=201)


class SkipForm(serializers.Serializer[Any]):
    reason = OneOfField(Skip.Reason.choices, required=False, default=Skip.Reason.CANNOT_TELL.value)


class SkipAnswer(serializers.Serializer[Any]):
    escalated = serializers.BooleanField(
        help_text="Whether a lead decides it now, as three people skipped it."
    )


class ReviewSkip(ApiView):
    """Pass an item on to somebody else."""

    permission_classes = [ReviewRights]
    parser_classes = [JsonParser]

    @extend_schema(
        operation_id="reviews_skip",
        summary="Skip a review",
        description="It does not come back to the same person. To skip twice is harmless.",
        tags=["reviews"],
        request=SkipForm,
        responses=responses({200: SkipAnswer}, *_REFUSALS),
        examples=[
            OpenApiExample("A language", value={"reason": "language"}, request_only=True),
            OpenApiExample("Skipped", value={"escalated": False}, response_only=True),
        ],
    )
    def post(self, request: Request, pk: int) -> Response:
        form = SkipForm(data=request.data)
        form.is_valid(raise_exception=True)
        item = find(pk)
        if item.state != ReviewItem.State.OPEN:
            raise Conflict(review.who_was_faster(item, asking=_moderator(request)))
        went_on = _acted(
            lambda: review.skip(item, moderator=_moderator(request), **form.validated_data)
        )
        return Response({"escalated": went_on})


class EscalateForm(serializers.Serializer[Any]):
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class ReviewEscalate(ApiView):
    """Ask a lead."""

    permission_classes = [ReviewRights]
    parser_classes = [JsonParser]

    @extend_schema(
        operation_id="reviews_escalate",
        summary="Let a lead decide a review",
        tags=["reviews"],
        request=EscalateForm,
        responses=responses({200: ReviewAnswer}, *_REFUSALS),
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
        form = EscalateForm(data=request.data)
        form.is_valid(raise_exception=True)
        item = find(pk)
        _acted(lambda: review.escalate(item, moderator=_moderator(request), **form.validated_data))
        return Response(ReviewAnswer(find(pk), context={"request": request}).data)


class UndoForm(serializers.Serializer[Any]):
    decision = serializers.IntegerField(
        min_value=1,
        required=False,
        help_text="Undo only if this is what you did last: a request sent twice undoes one.",
    )
    review = serializers.IntegerField(
        min_value=1,
        required=False,
        help_text="Undo only if what you did last was about this review, as above.",
    )


class ReviewUndo(ApiView):
    """Take back what one did last."""

    permission_classes = [ReviewRights]
    parser_classes = [JsonParser]

    @extend_schema(
        operation_id="reviews_undo",
        summary="Undo what you did last",
        description="A decision, a skip or a question to a lead. Possible until the shop was told "
        "of it, or somebody else took what you passed on. The item is yours again.",
        tags=["reviews"],
        request=UndoForm,
        responses=responses({200: ReviewAnswer}, *_REFUSALS),
        examples=[
            OpenApiExample("A certain one", value={"decision": 51}, request_only=True),
            EXAMPLE,
        ],
    )
    def post(self, request: Request) -> Response:
        form = UndoForm(data=request.data)
        form.is_valid(raise_exception=True)
        decision, about = (form.validated_data.get(name) for name in ("decision", "review"))
        item = _acted(
            lambda: review_undo.undo(moderator=_moderator(request), decision=decision, item=about)
        )
        return Response(ReviewAnswer(find(item.pk), context={"request": request}).data)
