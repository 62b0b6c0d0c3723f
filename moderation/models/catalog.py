"""What is sold: categories and products."""

import hashlib
from typing import TYPE_CHECKING

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

if TYPE_CHECKING:
    from .analysis import Analysis


class Category(models.Model):
    """A kind of product, with the words CLIP is asked about it."""

    name = models.CharField(max_length=100)
    prompt = models.CharField(
        max_length=200,
        blank=True,
        help_text="What the model reads in “a photo of …”, such as “a pair of jeans”. "
        "Empty: the name in lower case.",
    )
    is_active = models.BooleanField(
        "active", default=True, help_text="Only active categories are offered by /clip/classify."
    )
    threshold = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(-1.0), MaxValueValidator(1.0)],
        help_text="Own threshold for products of this category; a higher one flags more. "
        "Empty: the model version's.",
    )

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "categories"
        constraints = [models.UniqueConstraint(Lower("name"), name="category_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def prompt_noun(self) -> str:
        """The words that stand in a prompt for this category."""
        return self.prompt or self.name.lower()


def content_hash(*, text: str, image_sha256: str) -> str:
    """SHA-256 over what a moderator judges: the text and the bytes of the photo."""
    return hashlib.sha256(f"{image_sha256}\n{text}".encode()).hexdigest()


class Product(models.Model):
    """One listing: a photo and its text."""

    class Source(models.TextChoices):
        IMPORT = "import", "Import"
        API = "api", "API"
        ADMIN = "admin", "Admin"
        DEMO = "demo", "Demo"

    external_id = models.CharField(
        "product id", max_length=100, unique=True, help_text="The shop's own id of the product."
    )
    text = models.CharField(max_length=500, help_text="Title or description, as the shop shows it.")
    image = models.ImageField(upload_to="products", max_length=200)
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="products"
    )
    seller = models.CharField(max_length=100, blank=True, db_index=True)
    source = models.CharField(max_length=10, choices=Source, default=Source.ADMIN)
    image_sha256 = models.CharField(max_length=64, editable=False, db_index=True)
    content_hash = models.CharField(max_length=64, editable=False)
    analysis = models.ForeignKey(
        "moderation.Analysis",
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name="current analysis",
        help_text="The newest finished analysis; after a change, of the previous photo or text "
        "until the present one is answered.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.external_id}: {self.text[:60]}"

    @property
    def present_analysis(self) -> "Analysis | None":
        """The newest finished analysis, if it speaks of the present photo and text."""
        current = self.analysis
        return current if current and current.content_hash == self.content_hash else None

    def refresh_content_hash(self) -> None:
        """Bring `content_hash` in line with the text and the photo's hash."""
        self.content_hash = content_hash(text=self.text, image_sha256=self.image_sha256)
