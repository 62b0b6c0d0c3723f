"""Which models there are, and which one is active."""

from django.db import models
from django.db.models import Q


class ModelVersion(models.Model):
    """One set of weights with the threshold and calibration that belong to it.

    Cosines differ from model to model, so threshold and calibration never outlive the weights.
    """

    class Source(models.TextChoices):
        BUNDLED = "bundled", "Bundled with clipmod"
        HUB = "hub", "Model hub"
        FOLDER = "folder", "Local folder"

    class Status(models.TextChoices):
        AVAILABLE = "available", "Available"
        CANDIDATE = "candidate", "Candidate"
        ACTIVE = "active", "Active"

    name = models.CharField(max_length=200, unique=True)
    source = models.CharField(max_length=10, choices=Source)
    location = models.CharField(
        max_length=500,
        help_text="Hub name or folder; “bundled” for the model shipped with clipmod.",
    )
    revision = models.CharField(max_length=64, blank=True, help_text="Commit on the hub.")
    weights_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Hash of the weights file, known once it was read."
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.AVAILABLE)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    threshold = models.FloatField(help_text="A similarity below it is a mismatch.")
    platt_a = models.FloatField(null=True, blank=True)
    platt_b = models.FloatField(null=True, blank=True)
    metrics = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-activated_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="active"), name="one_active_model_version"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def p_mismatch(self, similarity: float) -> float | None:
        """Calibrated probability of a mismatch, or None while nothing was calibrated."""
        from moderation.clip.calibration import PlattScaling

        if self.platt_a is None or self.platt_b is None:
            return None
        return float(PlattScaling(a=self.platt_a, b=self.platt_b).p_mismatch(similarity))
