"""What a person can say of a photo and its text: a verdict, with one of its reasons."""

from __future__ import annotations

from typing import Any

from django.db import models


class Verdict(models.TextChoices):
    CONFIRM = "confirm", "Mismatch confirmed"
    DISMISS = "dismiss", "Dismissed: photo and text match"
    UNDO = "undo", "Undone"

    @property
    def is_match(self) -> bool:
        return self is Verdict.DISMISS

    @property
    def reasons(self) -> list[Reason]:
        """Those that go with it, in the order of the queue's buttons; none for an undo."""
        return [reason for reason in Reason if reason.verdict is self]

    @classmethod
    def answers(cls) -> list[Verdict]:
        """Those that a moderator chooses from."""
        return [verdict for verdict in cls if verdict.reasons]


class Reason(models.TextChoices):
    """Value in the database, verdict, usual key in the queue (False: no label), words for people.

    A key belongs to its reason for good: hands have learned it. A new reason takes a free one.
    """

    OTHER_PRODUCT = "other_product", Verdict.CONFIRM, "1", "Photo shows another product"
    OTHER_COLOUR = "other_colour", Verdict.CONFIRM, "2", "Colour or pattern differs"
    OTHER_DETAIL = "other_detail", Verdict.CONFIRM, "3", "Material, brand or detail differs"
    UNUSABLE_PHOTO = (
        *("unusable_photo", Verdict.CONFIRM, "4"),
        "Photo missing, unusable or not a product",
    )
    BAD_TEXT = "bad_text", Verdict.CONFIRM, "5", "Text wrong, spam or too vague"
    MATCHES = "matches", Verdict.DISMISS, "6", "Photo and text match"
    CLOSE_ENOUGH = "close_enough", Verdict.DISMISS, "7", "Close enough for a buyer"
    UNCLEAR = "unclear", Verdict.DISMISS, "8", False, "Cannot be told from the photo"

    verdict: Verdict
    key: str
    is_label: bool  # whether it says, for a model to learn, if photo and text match

    def __new__(cls, value: str, *about: Any) -> Reason:
        member = str.__new__(cls, value)
        member._value_ = value
        member.verdict, member.key, member.is_label = (*about, True)[:3]
        return member

    @property
    def answer(self) -> str:
        """Verdict and reason in one word, as a press in the queue sends them."""
        return f"{self.verdict}:{self}"

    @classmethod
    def no_labels(cls) -> list[Reason]:
        """Those of verdicts that are filed, and tell a model nothing."""
        return [reason for reason in cls if not reason.is_label]

    @classmethod
    def are_labels(cls, *values: str) -> bool:
        """Whether verdicts with these reasons (some have none) are all labels."""
        return not set(values).intersection(cls.no_labels())
