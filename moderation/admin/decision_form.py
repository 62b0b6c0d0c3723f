"""What a moderator sends with one press: verdict and reason, and what may go with them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core import signing

from moderation.models import Decision, ReviewItem

CONFIRM, DISMISS = Decision.Verdict.CONFIRM, Decision.Verdict.DISMISS

# Longer than this nobody looks at one item: they were away.
SECONDS_AT_MOST = 600.0
_SALT = "moderation.shown"


@dataclass(frozen=True)
class AnswerButton:
    """One button of the queue: a reason (with its verdict), and the keys that press it."""

    reason: Decision.Reason
    keys: tuple[str, ...]

    @property
    def is_default(self) -> bool:
        """The reason of its verdict that has a letter as well."""
        return len(self.keys) > 1


def answers(
    verdict: Decision.Verdict,
    *,
    keys: Mapping[str, str],
    default: Decision.Reason | None = None,
) -> list[AnswerButton]:
    """The buttons of one verdict, with this moderator's keys (`queue_keys`).

    The `default` reason, else the first, stands out and has the verdict's own key as well.
    """
    default = default or verdict.reasons[0]
    both = {default: (keys[verdict],)}
    return [
        AnswerButton(reason, (keys[reason.answer], *both.get(reason, ())))
        for reason in verdict.reasons
    ]


def shown_stamp(item: ReviewItem) -> str:
    """Signed proof of when the item was shown, to be sent back with the decision."""
    return signing.dumps({"item": item.pk, "at": time.time()}, salt=_SALT)


class DecisionForm(forms.Form):
    """One decision. `cleaned_data` holds the arguments of `review.decide`."""

    answer = forms.CharField(
        error_messages={"required": "Choose a reason: press one of the answer buttons."}
    )
    wrong_side = forms.ChoiceField(
        choices=Decision.Side.choices,
        required=False,
        error_messages={
            "invalid_choice": "wrong_side is “%(value)s”; it must be image, text or both."
        },
    )
    note = forms.CharField(
        required=False,
        max_length=500,
        error_messages={
            "max_length": "The note has %(show_value)d characters; at most 500 are kept."
        },
    )
    photo = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1000,
        error_messages={"invalid": "photo must be the number of a photo, such as 2."},
    )
    also = forms.TypedMultipleChoiceField(
        required=False, coerce=int, error_messages={"invalid_choice": "A similar item is unknown."}
    )
    shown = forms.CharField(required=False)
    seconds = forms.FloatField(
        required=False, error_messages={"invalid": "seconds must be a number of seconds."}
    )

    def __init__(self, data: Any, *, item: ReviewItem) -> None:
        super().__init__(data)
        self.item = item
        # Which of them belong to the item's group the service looks up.
        asked = [value for value in data.getlist("also") if value.isdecimal()]
        self.fields["also"].choices = [(value, value) for value in asked]  # type: ignore[attr-defined]

    def clean_answer(self) -> str:
        """Split into `verdict` and `reason`; whether they go together the service checks."""
        verdict, _, reason = self.cleaned_data["answer"].partition(":")
        if verdict not in Decision.Verdict.answers():
            raise forms.ValidationError(
                f"The decision “{verdict[:40]}” is not known; it must be confirm or dismiss."
            )
        self.cleaned_data |= {"verdict": verdict, "reason": reason}
        return str(self.cleaned_data["answer"])

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        data["seconds"] = _seconds(
            data.get("shown", ""), item=self.item, active=data.get("seconds")
        )
        if data.get("verdict") == DISMISS:
            data["wrong_side"] = ""
        return data

    def decision(self) -> dict[str, Any]:
        """The arguments for `review.decide`."""
        fields = ("verdict", "reason", "wrong_side", "note", "photo", "seconds", "also")
        return {field: self.cleaned_data[field] for field in fields}

    def sentence(self) -> str:
        """The first thing that is wrong, for people."""
        return next(str(errors[0]) for errors in self.errors.values())


def _seconds(shown: str, *, item: ReviewItem, active: float | None) -> float | None:
    """Seconds spent: what the browser counted while the page was seen, never more than passed."""
    try:
        stamp = signing.loads(shown, salt=_SALT)
    except signing.BadSignature:
        return None
    if stamp["item"] != item.pk:
        return None
    passed = max(0.0, time.time() - stamp["at"])
    seconds = passed if active is None or active < 0 else min(active, passed)
    return round(min(seconds, SECONDS_AT_MOST), 2)
