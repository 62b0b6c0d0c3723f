"""What people did with an item of the queue: decided it, or passed it on."""

from typing import TypeAlias

from django.conf import settings
from django.db import models
from django.db.models import Q

from . import verdicts
from .analysis import Analysis
from .querysets import DecisionQuerySet
from .review import ReviewItem


class Decision(models.Model):
    """What one person decided. Rows are only ever added: the database refuses UPDATE and DELETE.

    A correction is a new row that names the one it corrects; an undo is such a row too.
    """

    Verdict: TypeAlias = verdicts.Verdict
    Reason: TypeAlias = verdicts.Reason

    class Side(models.TextChoices):
        IMAGE = "image", "Photo"
        TEXT = "text", "Text"
        BOTH = "both", "Both"

    class Mode(models.TextChoices):
        QUEUE = "queue", "Queue"
        AUTOMATIC = "automatic", "Automatic, by its band"
        GROUP = "group", "Taken over from a similar item"
        API = "api", "By API"
        APPEAL = "appeal", "Answer to an appeal"

    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="decisions")
    analysis = models.ForeignKey(Analysis, on_delete=models.PROTECT, related_name="decisions")
    moderator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions"
    )
    verdict = models.CharField(max_length=10, choices=Verdict)
    reason = models.CharField(max_length=20, choices=Reason, blank=True)
    wrong_side = models.CharField(max_length=5, choices=Side, blank=True)
    photo = models.PositiveSmallIntegerField(
        null=True,
        help_text="The position of the further photo that it speaks of; empty: the main photo.",
    )
    note = models.CharField(max_length=500, blank=True)
    seconds = models.FloatField(
        null=True, help_text="Seconds between showing the item and the decision."
    )
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.QUEUE)
    # As they were at that moment: a label is worth what its item's way into the queue was worth.
    stratum = models.CharField(max_length=10, choices=ReviewItem.Stratum, blank=True)
    picked_by = models.CharField(max_length=10, choices=ReviewItem.Pick, blank=True)
    sampling_probability = models.FloatField(default=1.0)
    corrects = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="corrected_by"
    )
    act = models.UUIDField(
        null=True, help_text="Decisions made, and undone, together: a group of similar items."
    )
    propagated_from = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="propagated",
        help_text="The decision on a similar item that was taken over for this one.",
    )
    idempotency_key = models.CharField(
        max_length=100, blank=True, help_text="Sent by the caller of the API, to ask only once."
    )
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("export_labels", "Can export labels"),
            ("resolve_escalation", "Can decide what was escalated"),
            ("view_team", "Can see the figures of every moderator"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["moderator", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="one_decision_per_idempotency_key",
            )
        ]
        indexes = [
            models.Index(fields=["moderator", "-id"], name="decision_by_moderator"),
            models.Index(fields=["act"], condition=Q(act__isnull=False), name="decision_by_act"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.moderator}"

    @property
    def photo_number(self) -> int:
        """The place of the photo that it speaks of, as people count: the main photo is 1."""
        return (self.photo or 0) + 1


class Skip(models.Model):
    """A moderator passed an item on; it does not come back to the same person."""

    class Reason(models.TextChoices):
        CANNOT_TELL = "cannot_tell", "I cannot tell"
        NOT_MY_FIELD = "not_my_field", "I do not know such products"
        LANGUAGE = "language", "I do not read this language"
        NO_PHOTO = "no_photo", "The photo does not load"

    item = models.ForeignKey(ReviewItem, on_delete=models.CASCADE, related_name="skips")
    moderator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="skips"
    )
    reason = models.CharField(max_length=20, choices=Reason, default=Reason.CANNOT_TELL)
    act = models.UUIDField(null=True, help_text="The batch of a grid that it was part of.")
    created_at = models.DateTimeField(auto_now_add=True, help_text="Of the last time.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "moderator"], name="one_skip_per_moderator")
        ]
        indexes = [models.Index(fields=["moderator", "-created_at"], name="skip_by_moderator")]

    def __str__(self) -> str:
        return f"{self.moderator} skipped {self.item_id}"
