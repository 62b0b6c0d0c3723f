"""The moderation queue and what people decided in it."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from .analysis import Analysis
from .catalog import Product
from .querysets import DecisionQuerySet, ReviewItemQuerySet


class ReviewItem(models.Model):
    """A product that waits for a person's eyes, opened for one analysis of it."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DECIDED = "decided", "Decided"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Stratum(models.TextChoices):
        FLAGGED = "flagged", "Flagged by the model"

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="review_items")
    analysis = models.OneToOneField(Analysis, on_delete=models.CASCADE, related_name="review_item")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    stratum = models.CharField(max_length=10, choices=Stratum, default=Stratum.FLAGGED)
    sampling_probability = models.FloatField(
        default=1.0, help_text="With which probability this product was chosen for review."
    )
    suspicion = models.FloatField(
        help_text="Order of the queue: P(mismatch), or minus the similarity while uncalibrated."
    )
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="claimed_items",
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField(auto_now_add=True)

    objects = ReviewItemQuerySet.as_manager()

    class Meta:
        ordering = ["-suspicion", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["product"], condition=Q(state="open"), name="one_open_item_per_product"
            )
        ]
        indexes = [
            models.Index(
                fields=["-suspicion", "id"], condition=Q(state="open"), name="review_queue_order"
            ),
            models.Index(
                fields=["opened_at"], condition=Q(state="open"), name="review_queue_oldest"
            ),
        ]

    def __str__(self) -> str:
        return f"Review of {self.product_id} ({self.get_state_display().lower()})"


class Decision(models.Model):
    """What one person decided. Rows are only ever added: the database refuses UPDATE and DELETE.

    A correction is a new row that names the one it corrects; an undo is such a row too.
    """

    class Verdict(models.TextChoices):
        CONFIRM = "confirm", "Mismatch confirmed"
        DISMISS = "dismiss", "Dismissed: photo and text match"
        UNDO = "undo", "Undone"

    class Reason(models.TextChoices):
        OTHER_PRODUCT = "other_product", "Photo shows another product"
        OTHER_COLOUR = "other_colour", "Colour or pattern differs"
        OTHER_DETAIL = "other_detail", "Material, brand or detail differs"
        UNUSABLE_PHOTO = "unusable_photo", "Photo missing, unusable or not a product"
        BAD_TEXT = "bad_text", "Text wrong, spam or too vague"
        MATCHES = "matches", "Photo and text match"
        CLOSE_ENOUGH = "close_enough", "Close enough for a buyer"
        UNCLEAR = "unclear", "Cannot be told from the photo"

    class Side(models.TextChoices):
        IMAGE = "image", "Photo"
        TEXT = "text", "Text"
        BOTH = "both", "Both"

    class Mode(models.TextChoices):
        QUEUE = "queue", "Queue"

    REASONS_FOR = {
        Verdict.CONFIRM: [
            Reason.OTHER_PRODUCT,
            Reason.OTHER_COLOUR,
            Reason.OTHER_DETAIL,
            Reason.UNUSABLE_PHOTO,
            Reason.BAD_TEXT,
        ],
        Verdict.DISMISS: [Reason.MATCHES, Reason.CLOSE_ENOUGH, Reason.UNCLEAR],
    }

    item = models.ForeignKey(ReviewItem, on_delete=models.PROTECT, related_name="decisions")
    analysis = models.ForeignKey(Analysis, on_delete=models.PROTECT, related_name="decisions")
    moderator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions"
    )
    verdict = models.CharField(max_length=10, choices=Verdict)
    reason = models.CharField(max_length=20, choices=Reason, blank=True)
    wrong_side = models.CharField(max_length=5, choices=Side, blank=True)
    note = models.CharField(max_length=500, blank=True)
    seconds = models.FloatField(
        null=True, help_text="Seconds between showing the item and the decision."
    )
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.QUEUE)
    corrects = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="corrected_by"
    )
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("export_labels", "Can export labels")]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} by {self.moderator}"


class Skip(models.Model):
    """A moderator passed an item on; it does not come back to the same person."""

    item = models.ForeignKey(ReviewItem, on_delete=models.CASCADE, related_name="skips")
    moderator = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="skips"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["item", "moderator"], name="one_skip_per_moderator")
        ]

    def __str__(self) -> str:
        return f"{self.moderator} skipped {self.item_id}"
