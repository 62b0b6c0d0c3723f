"""What the model said of a product, and the traces of the worker that asked it."""

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import models
from django.db.models import Q

from moderation.clip import scoring
from moderation.clip.texts import language
from moderation.clip.texts.prepare import PREPARATION, prepare

from .catalog import Product
from .further_photos import FurtherPhoto
from .querysets import AnalysisQuerySet
from .versions import ModelVersion


def present_preparation() -> str:
    return PREPARATION


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
    is_mismatch = models.BooleanField(
        null=True, help_text="Empty until it is done, and where the model cannot read the text."
    )
    unreadable = models.CharField(
        max_length=10,
        blank=True,
        default="",
        db_default="",
        help_text="The language, or letters, that kept the model from reading the text.",
    )
    top_categories = models.JSONField(default=list)
    precision = models.CharField(max_length=10, blank=True)
    preparation = models.CharField(
        max_length=10,
        blank=True,
        default=present_preparation,
        help_text="Which version of the text preparation the model read the text by; "
        "empty: the text as it was.",
    )

    parts = models.JSONField(
        null=True,
        blank=True,
        help_text="Of a text longer than the model reads: its parts, each with its similarity and "
        "whether it fits. The first is the title, whose similarity is the score. Empty where it "
        "was read as a whole; null where that is not known.",
    )
    photos = models.JSONField(
        null=True,
        blank=True,
        help_text="Of a listing with several photos: those after the main one, as they were then, "
        "each with its similarity and whether it fits, where that was asked for.",
    )

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
            models.Index(
                fields=["model_version", "unreadable"],
                condition=~Q(unreadable=""),
                name="analysis_unreadable",
            ),
        ]

    def __str__(self) -> str:
        return f"Analysis {self.pk} ({self.get_status_display().lower()})"

    @property
    def image_url(self) -> str:
        """The address of the photo that was judged, also where the product has another by now.

        Empty where that was erased.
        """
        return default_storage.url(self.image) if self.image else ""

    @property
    def further_photos(self) -> tuple[FurtherPhoto, ...]:
        """The photos after the main one, in their order."""
        return tuple(FurtherPhoto(**photo) for photo in self.photos or ())

    @property
    def misfit(self) -> FurtherPhoto | None:
        """Of the further photos that do not fit the text the worst; None where all may."""
        wrong = [one for one in self.further_photos if one.fits is False]
        return min(wrong, key=lambda one: one.similarity or 0.0, default=None)

    @property
    def why_unreadable(self) -> str:
        """Why the model cannot read the text, in a sentence; empty where it can."""
        version = self.model_version
        if self.unreadable and not version.languages:  # corrected since
            return f"It is not known any longer what {version.name} reads; score the text again."
        return language.why_unreadable(self.unreadable, reads=version.languages, model=version.name)

    @property
    def text_read(self) -> str | None:
        """What the model read of the text; None where a former preparation chose it."""
        if self.preparation == PREPARATION:
            return prepare(self.text)
        return None if self.preparation else self.text

    @property
    def verdict(self) -> scoring.Verdict | None:
        """The model's answer in the words of the API, or None where it has given none."""
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
    about = models.JSONField(
        null=True, help_text="Its host, version and device, and what it has done since its start."
    )

    class Meta:
        ordering = ["-heartbeat_at"]

    def __str__(self) -> str:
        return self.worker


class WorkPause(models.Model):
    """Whether new analyses are handed out to workers; the newest row holds."""

    is_on = models.BooleanField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{'Paused' if self.is_on else 'Resumed'} by {self.by}"
