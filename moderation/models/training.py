"""Trainings: requested, running, done."""

from django.conf import settings
from django.db import models

from .versions import ModelVersion


class TrainingRun(models.Model):
    """One training, from the request to the version it made; the row is the truth about it."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Mode(models.TextChoices):
        AUTO = "auto", "Choose by labels, model and device"
        CALIBRATE = "calibrate", "Calibration and threshold only"
        HEAD = "head", "Both projections, on cached features"
        ADAPT = "adapt", "Adapt to the shop's own listings"
        LAST = "last", "The last blocks of both towers"
        FULL = "full", "All weights"

    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    # True while queued or running, else NULL: the database lets one live run stand.
    live = models.BooleanField(null=True, default=True, unique=True, editable=False)
    mode = models.CharField(max_length=10, choices=Mode, default=Mode.AUTO)
    options = models.JSONField(default=dict, blank=True)
    base = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="trainings", verbose_name="starts from"
    )
    version = models.OneToOneField(
        ModelVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="training_run",
        verbose_name="made",
    )
    dataset = models.CharField(max_length=500, blank=True, help_text="Folder of the data set.")
    dataset_sha256 = models.CharField(max_length=64, blank=True)
    output_dir = models.CharField(max_length=500, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reasons = models.JSONField(
        default=list, blank=True, help_text="Why this mode, and what was excluded, in sentences."
    )
    doing = models.CharField(max_length=200, blank=True)
    progress = models.FloatField(default=0.0, help_text="Share done, from 0 to 1.")
    curve = models.JSONField(
        default=list, blank=True, help_text="Points of {step, train, validation}."
    )
    log = models.TextField(blank=True)
    error = models.TextField(blank=True)
    cancel_asked = models.BooleanField(default=False)
    claimed_by = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"Training {self.pk} ({self.get_status_display().lower()})"
