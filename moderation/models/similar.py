"""Photos that look the same, and the open items that show them."""

from django.db import models


class SimilarGroup(models.Model):
    """Open review items whose photos are near-duplicates, each of all the others."""

    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Group {self.pk}"


class PhotoSignature(models.Model):
    """How a photo looks in 768 bytes, and a hash of it in four bands to find others by."""

    image_sha256 = models.CharField(max_length=64, unique=True)
    signature = models.BinaryField(help_text="16 x 16 pixels in RGB; see `clip.grouping`.")
    band_0 = models.PositiveIntegerField()
    band_1 = models.PositiveIntegerField()
    band_2 = models.PositiveIntegerField()
    band_3 = models.PositiveIntegerField()

    class Meta:
        indexes = [
            models.Index(fields=[f"band_{number}"], name=f"photo_band_{number}")
            for number in range(4)
        ]

    def __str__(self) -> str:
        return self.image_sha256[:12]
