"""Photos that are known by their addresses, or of which a listing has several."""

from django.db import models
from django.db.models import Q

from .catalog import Product


class ProductPhoto(models.Model):
    """One of a listing's photos. A product whose only photo came as a file has no row here.

    `product.image` stays the main photo, position 0, as long as it was here once: a photo under a
    new address takes its place when it has been fetched.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        FETCHED = "fetched", "Fetched"
        FAILED = "failed", "Failed"

    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="photos")
    position = models.PositiveSmallIntegerField(help_text="0 is the main photo.")
    url = models.CharField("address", max_length=2000, blank=True)
    host = models.CharField(max_length=255, blank=True, editable=False)
    image = models.CharField(max_length=200, blank=True)
    image_sha256 = models.CharField(max_length=64, blank=True, editable=False)

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    problem = models.CharField(
        max_length=20, blank=True, help_text="The class of what went wrong at the last attempt."
    )
    error = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(null=True, help_text="When it is asked for, where it waits.")
    checked_at = models.DateTimeField(null=True, help_text="When the host last answered.")
    etag = models.CharField(max_length=200, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["product_id", "position"]
        constraints = [
            models.UniqueConstraint(fields=["product", "position"], name="one_photo_per_position")
        ]
        indexes = [
            models.Index(
                fields=["host", "due_at"], condition=Q(state="waiting"), name="photo_to_fetch"
            ),
            models.Index(fields=["problem"], condition=Q(state="failed"), name="photo_failed"),
            models.Index(fields=["image_sha256"], name="photo_by_content"),
        ]

    def __str__(self) -> str:
        return f"Photo {self.position + 1} of {self.product_id}"


class PhotoHost(models.Model):
    """A host that photos are fetched from: one process at a time asks it, as often as is polite."""

    name = models.CharField(max_length=255, unique=True, help_text="Scheme, host and port.")
    claimed_by = models.CharField(max_length=200, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(
        null=True, help_text="The host asked to be left alone until then (Retry-After)."
    )

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
