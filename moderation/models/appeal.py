"""A seller's objection to a decision, with the evidence as it was."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from .decision import Decision


class Appeal(models.Model):
    """Filed by the shop's own system, decided by somebody who had no part in the decision."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        UPHELD = "upheld", "Decision upheld"
        OVERTURNED = "overturned", "Decision overturned"

    decision = models.ForeignKey(Decision, on_delete=models.PROTECT, related_name="appeals")
    reference = models.CharField(
        max_length=100, unique=True, help_text="The shop's own id of the appeal."
    )
    statement = models.TextField(max_length=2000, help_text="What the seller says.")
    evidence = models.JSONField(
        help_text="Text, photo, scores, verdict and policy as they were when it was filed."
    )
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    filed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    filed_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    answer = models.CharField(max_length=1000, blank=True)
    outcome = models.ForeignKey(
        Decision,
        null=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The new decision, where the appeal was successful.",
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["decision"], condition=Q(state="open"), name="one_open_appeal_per_decision"
            )
        ]
        permissions = [("decide_appeal", "Can decide appeals")]

    def __str__(self) -> str:
        return f"Appeal {self.reference}"
