"""Deciding a review by the API, under the same rules as in the queue."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from moderation.models import Decision, ReviewItem
from moderation.services.queue import review

from . import idempotency
from .answers import responses
from .choice_fields import OneOfField
from .errors import Conflict, invalid
from .json_fields import TextField
from .review_actions import REFUSALS, ReviewAction
from .review_answers import DECISION_EXAMPLE, DecisionAnswer
from .reviews import find
from .view import checked, person


class DecideForm(serializers.Serializer[Any]):
    """A verdict with a reason that goes with it."""

    verdict = OneOfField([verdict.value for verdict in Decision.Verdict.answers()])
    reason = OneOfField(Decision.Reason.choices)
    wrong_side = OneOfField(Decision.Side.choices, required=False, allow_blank=True, default="")
    note = TextField(max_length=500, required=False, allow_blank=True, default="")
    photo = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=1000,
        help_text="The number of the photo that does not fit, the main one being 1. Left out, and "
        "where all fit: the one that the review was opened for.",
    )

    def validate(self, form: dict[str, Any]) -> dict[str, Any]:
        allowed = Decision.Verdict(form["verdict"]).reasons
        if form["reason"] not in allowed:
            raise invalid(
                "reason",
                f"reason does not go with {form['verdict']}; send one of "
                f"{', '.join(one.value for one in allowed)}.",
            )
        return form


def _form(verdict: Decision.Verdict) -> type[DecideForm]:
    """The form as the document shows it: a verdict with the reasons that go with it."""
    fields = {
        "verdict": serializers.ChoiceField([verdict.value]),
        "reason": serializers.ChoiceField([(one.value, one.label) for one in verdict.reasons]),
    }
    about = {"__doc__": f"{verdict.label}, with the reason."}
    return type(f"{verdict.value.title()}Form", (DecideForm,), fields | about)


class ReviewDecide(ReviewAction):
    """Confirm or dismiss."""

    @extend_schema(
        operation_id="reviews_decide",
        summary="Decide a review",
        description="`confirm` says that photo and text do not match, `dismiss` that they do. "
        f"With the header `{idempotency.KEY}` the request can be sent again after a lost answer: "
        "it is answered as the first time, and decides nothing twice.",
        tags=["reviews"],
        parameters=[idempotency.HEADER],
        request=PolymorphicProxySerializer(
            component_name="Decide",
            serializers={verdict.value: _form(verdict) for verdict in Decision.Verdict.answers()},
            resource_type_field_name="verdict",
        ),
        responses=responses({201: DecisionAnswer}, *REFUSALS, 422),
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
        form = checked(DecideForm, request.data)
        key, wish = idempotency.key_of(request), _wish(pk, form)
        moderator = person(request)
        decision = idempotency.made_before(moderator, key, wish)
        if decision is None:
            decision = _decided(find(pk), moderator=moderator, key=key, wish=wish, form=form)
        return Response(DecisionAnswer(decision).data, status=201)


def _wish(pk: int, form: dict[str, Any]) -> dict[str, Any]:
    """What a decision made of this form has, by its attributes."""
    wish = {"item_id": pk, **form}
    if "photo" in wish:
        wish["photo_number"] = wish.pop("photo")
        if wish["verdict"] == Decision.Verdict.DISMISS:
            del wish["photo_number"]  # then it is about the photo that was asked of
    return wish


def _decided(
    item: ReviewItem, *, moderator: User, key: str, wish: dict[str, Any], form: dict[str, Any]
) -> Decision:
    try:
        return review.decide(
            item, moderator=moderator, mode=Decision.Mode.API, idempotency_key=key, **form
        )
    except (review.ReviewError, IntegrityError) as error:
        # The same request may have come twice at once, and this is the slower one.
        if (decision := idempotency.made_before(moderator, key, wish)) is not None:
            return decision
        if isinstance(error, review.ReviewError):
            raise Conflict(str(error)) from error
        raise
