"""What the model said of a product, and the traces of the worker that asked it."""

from django.core.files.storage import default_storage
from django.db import models
from django.db.models import Q

from moderation.clip import scoring

from .catalog import Product
from .querysets import AnalysisQuerySet
from .versions import ModelVersion


class Analysis(models.Model):
    """One request to the model: does this photo match this text?

    The row is the truth about the work, a queue message only wakes workers: a worker claims rows by
    a conditional UPDATE with a token and a lease, and writes back only where its token stands.
    Photo and text are kept as they were judged, so a row can be read years later.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="analyses")
    model_version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="analyses"
    )
    text = models.CharField(max_length=500)
    image = models.CharField(max_length=200)
    image_sha256 = models.CharField(max_length=64)
    content_hash = models.CharField(max_length=64)
    threshold_override = models.FloatField(
        null=True, help_text="A threshold requested by hand, instead of the version's."
    )

    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim_token = models.UUIDField(null=True)
    claimed_by = models.CharField(max_length=200, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    similarity = models.FloatField(null=True)
    p_mismatch = models.FloatField("P(mismatch)", null=True)
    threshold_used = models.FloatField(null=True)
    is_mismatch = models.BooleanField(null=True)
    top_categories = models.JSONField(default=list)
    precision = models.CharField(max_length=10, blank=True)

    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    objects = AnalysisQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "analyses"
        permissions = [("reanalyze", "Can ask for new analyses")]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "model_version", "content_hash"],
                condition=Q(status__in=["pending", "running"]),
                name="one_live_analysis_per_content",
            )
        ]
        indexes = [
            # The worker's two queries: what is there to do, and whose lease ran out.
            models.Index(
                fields=["attempts", "id"], condition=Q(status="pending"), name="analysis_to_do"
            ),
            models.Index(
                fields=["lease_expires_at"], condition=Q(status="running"), name="analysis_leased"
            ),
            models.Index(fields=["status", "-id"], name="analysis_by_status"),
        ]

    def __str__(self) -> str:
        return f"Analysis {self.pk} ({self.get_status_display().lower()})"

    @property
    def image_url(self) -> str:
        """The address of the photo that was judged, also where the product has another by now."""
        return default_storage.url(self.image)

    @property
    def verdict(self) -> scoring.Verdict | None:
        """The model's answer in the words of the API, or None until it is done."""
        if self.similarity is None or self.threshold_used is None:
            return None
        return scoring.judge(self.similarity, threshold=self.threshold_used)


class Embedding(models.Model):
    """A vector that was computed once: (content, tower, model version, precision) -> float16."""

    class Tower(models.TextChoices):
        IMAGE = "image", "Image"
        TEXT = "text", "Text"

    content_hash = models.CharField(max_length=64)
    tower = models.CharField(max_length=5, choices=Tower)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    precision = models.CharField(max_length=10)
    vector = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["model_version", "tower", "precision", "content_hash"],
                name="one_embedding_per_content",
            )
        ]

    def __str__(self) -> str:
        return f"{self.tower} {self.content_hash[:12]}"


class Heartbeat(models.Model):
    """The last heartbeat of a worker, written by the worker itself while it works."""

    worker = models.CharField(max_length=200, unique=True)
    heartbeat_at = models.DateTimeField()
    doing = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-heartbeat_at"]

    def __str__(self) -> str:
        return self.worker
