"""The moderation queue: what waits for a person's eyes."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from .analysis import Analysis
from .catalog import Product
from .further_photos import FurtherPhoto
from .querysets import ReviewItemQuerySet


class ReviewItem(models.Model):
    """A product that waits for a person's eyes, opened for one analysis of it."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        DECIDED = "decided", "Decided"
        WITHDRAWN = "withdrawn", "Withdrawn"

    class Stratum(models.TextChoices):
        """Why a product came to be reviewed at all."""

        FLAGGED = "flagged", "Flagged by the model"
        AUDIT = "audit", "Random audit of what passed"
        REOPENED = "reopened", "Decided before, then changed"
        UNREADABLE = "unreadable", "Cannot be read by the model"
        PHOTO = "photo", "A further photo does not fit"
        JUDGE = "judge", "Only the second judge calls it a mismatch"

    class Pick(models.TextChoices):
        """By which part of the queue's mixture an item came into somebody's hands."""

        SUSPICIOUS = "suspicious", "Most suspicious"
        UNCERTAIN = "uncertain", "Most uncertain"
        AUDIT = "audit", "Audit"
        SECOND = "second", "Second opinion"
        CHOSEN = "chosen", "Opened by hand"
        GROUP = "group", "Decided with a similar one"

    class Escalation(models.TextChoices):
        """Why an item went to the leads' queue."""

        ASKED = "asked", "Requested by a moderator"
        SKIPPED = "skipped", "Skipped three times"

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="review_items")
    analysis = models.ForeignKey(Analysis, on_delete=models.CASCADE, related_name="review_items")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    stratum = models.CharField(max_length=10, choices=Stratum, default=Stratum.FLAGGED)
    sampling_probability = models.FloatField(
        default=1.0, help_text="With which probability this product was chosen for review."
    )
    suspicion = models.FloatField(
        help_text="Order of the queue: P(mismatch), or minus the similarity while uncalibrated."
    )
    uncertainty = models.FloatField(
        default=0.0,
        help_text="How little the model knows: 1 at P(mismatch) = 0.5, 0 at 0 and 1; 1 more where "
        "a second model says otherwise.",
    )
    random_order = models.FloatField(
        default=0.0,
        help_text="A number from 0 to 1 made of the product's id: the audit's order, the same at "
        "every run.",
    )
    in_audit = models.BooleanField(
        default=False,
        help_text="Drawn at random, flagged or not, and judged without seeing what the model said.",
    )
    picked_by = models.CharField(max_length=10, choices=Pick, blank=True)
    second_of = models.OneToOneField(
        "self",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="second_opinion",
        help_text="The decided item of which this one asks somebody else, blind.",
    )
    reopens = models.ForeignKey(
        "moderation.Decision",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="What was decided of the product's previous photo or text.",
    )
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="claimed_items",
    )
    claimed_until = models.DateTimeField(null=True, blank=True)
    claimed_at = models.DateTimeField(
        null=True, blank=True, help_text="Since when; what one person holds comes in this order."
    )
    shown_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="When the claiming person saw it; empty: only fetched ahead, not seen.",
    )
    escalated_at = models.DateTimeField(null=True, blank=True)
    escalated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Who asked a lead; somebody else decides.",
    )
    escalation = models.CharField(max_length=10, choices=Escalation, blank=True)
    escalation_note = models.CharField(max_length=500, blank=True)
    escalated_blind = models.BooleanField(
        default=False,
        db_default=False,
        help_text="The note was written without seeing what the model, or somebody before, said.",
    )
    group = models.ForeignKey(
        "moderation.SimilarGroup",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="items",
        help_text="Open items whose photos are near-duplicates.",
    )
    opened_at = models.DateTimeField(auto_now_add=True)

    objects = ReviewItemQuerySet.as_manager()

    class Meta:
        ordering = ["-suspicion", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["product"], condition=Q(state="open"), name="one_open_item_per_product"
            ),
            models.UniqueConstraint(
                fields=["analysis"],
                condition=Q(second_of__isnull=True),
                name="one_first_item_per_analysis",
            ),
        ]
        indexes = [
            models.Index(
                fields=["-suspicion", "id"], condition=Q(state="open"), name="review_queue_order"
            ),
            models.Index(
                fields=["opened_at"], condition=Q(state="open"), name="review_queue_oldest"
            ),
            models.Index(
                fields=["-uncertainty", "id"],
                condition=Q(state="open"),
                name="review_queue_uncertain",
            ),
            models.Index(
                fields=["random_order", "id"],
                condition=Q(state="open", in_audit=True),
                name="review_queue_audit",
            ),
            models.Index(
                fields=["random_order", "id"],
                condition=Q(state="open", second_of__isnull=False),
                name="review_queue_second",
            ),
            models.Index(fields=["opened_at", "stratum"], name="review_by_week"),
            models.Index(
                fields=["escalated_at", "id"],
                condition=Q(state="open", escalated_at__isnull=False),
                name="review_queue_escalated",
            ),
        ]

    def __str__(self) -> str:
        return f"Review of {self.product_id} ({self.get_state_display().lower()})"

    @property
    def asks_of(self) -> FurtherPhoto | None:
        """The further photo that it was opened for; None: the main one."""
        return self.analysis.misfit if self.stratum == self.Stratum.PHOTO else None

    @property
    def asked_image_url(self) -> str:
        """The address of the photo that it was opened for."""
        return (self.asks_of or self.analysis).image_url

    @property
    def is_blind(self) -> bool:
        """Whether the moderator must not see what the model, or somebody before, said of it."""
        return self.state == self.State.OPEN and (self.in_audit or self.second_of_id is not None)
