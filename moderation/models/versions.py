"""Which models there are, which one is active, what each is worth and what happened to it."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from moderation.clip.statistics.calibration import Calibration


class ModelVersion(models.Model):
    """One set of weights with the threshold and calibration that belong to it.

    Cosines differ from model to model, so threshold and calibration never outlive the weights.
    """

    class Source(models.TextChoices):
        BUNDLED = "bundled", "Bundled with clipmod"
        HUB = "hub", "Model hub"
        FOLDER = "folder", "Local folder"
        TRAINED = "trained", "Trained here"

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
    files_sha256 = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text="Hash of configuration, tokenizer and preprocessor; empty until they were read.",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.AVAILABLE)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="children"
    )
    vision_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The version with the same towers: its vectors give this one's without a pixel.",
    )
    threshold = models.FloatField(help_text="A similarity below it is a mismatch.")
    clear_threshold = models.FloatField(
        null=True,
        blank=True,
        help_text="A similarity below it is a clear mismatch; empty: no such band.",
    )
    photo_threshold = models.FloatField(
        null=True,
        blank=True,
        help_text="A similarity of a further photo below it flags the listing; empty: none does.",
    )
    thresholds_from = models.JSONField(
        default=dict, blank=True, help_text="The target that the thresholds were chosen by."
    )
    platt_a = models.FloatField(null=True, blank=True)
    platt_b = models.FloatField(null=True, blank=True)
    calibration = models.JSONField(
        default=dict, blank=True, help_text="What goes beyond a and b, and what it was fitted on."
    )
    metrics = models.JSONField(default=dict, blank=True)
    languages = models.JSONField(
        default=list, blank=True, help_text="Which ones it reads, such as en; empty: not known."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-activated_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="active"), name="one_active_model_version"
            )
        ]
        permissions = [
            ("train", "Can train model versions"),
            ("promote", "Can promote and roll back model versions"),
            ("set_threshold", "Can set thresholds and automatic actions"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def calibrated(self) -> "Calibration | None":
        """The calibration, or None while there is none."""
        from moderation.clip.statistics.calibration import Calibration

        if self.platt_a is None or self.platt_b is None:
            return None
        platt = {"a": self.platt_a, "b": self.platt_b}
        return Calibration.from_json({**self.calibration, "platt": platt})

    def p_mismatch(self, similarity: float, category: str | None = None) -> float | None:
        """Calibrated probability of a mismatch, or None while nothing was calibrated.

        `category` is the name of the product's category, which may move the probability.
        """
        calibration = self.calibrated
        return calibration.p_mismatch(similarity, category) if calibration else None


class Evaluation(models.Model):
    """What a version was worth on one set of labelled pairs, alone or against another version."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="evaluations")
    baseline = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    dataset = models.CharField(max_length=500, help_text="A CSV, or “gold and audit”.")
    dataset_sha256 = models.CharField(max_length=64)
    report = models.JSONField(help_text="Every figure with its interval, by category and kind.")
    passed = models.BooleanField(null=True, help_text="Whether the gate let the version pass.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version} on {self.dataset}"


class ShadowReport(models.Model):
    """What a version would change in the queue, found without touching the queue."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="shadows")
    baseline = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    report = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version} in the shadow of {self.baseline}"


class VersionEvent(models.Model):
    """What happened to a version, by whom and why: the log that answers for every change."""

    class Kind(models.TextChoices):
        CALIBRATED = "calibrated", "Calibrated"
        THRESHOLD = "threshold", "Thresholds set"
        PROMOTED = "promoted", "Promoted"
        FORCED = "forced", "Promoted past the gate"
        REFUSED = "refused", "Refused by the gate"
        ACTIVATED = "activated", "Activated"
        ROLLED_BACK = "rolled_back", "Rolled back to"
        FAILED = "failed", "Could not be done"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="events")
    kind = models.CharField(max_length=12, choices=Kind)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.CharField(max_length=500, blank=True)
    before = models.JSONField(default=dict, blank=True, help_text="What it replaced.")
    after = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.version}"


class AutomaticAction(models.Model):
    """Whether clear mismatches are confirmed without a person; the newest row holds."""

    is_on = models.BooleanField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Automatic action {'on' if self.is_on else 'off'}"
