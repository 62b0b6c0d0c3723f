"""What is sold: categories and products."""

import hashlib
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.files.storage import default_storage
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from moderation.clip.folding import in_lower_case

from .folded import FoldedField, key_of
from .hidden_signs import by_codes
from .querysets import ProductQuerySet

if TYPE_CHECKING:
    from .analysis import Analysis


class Category(models.Model):
    """A kind of product, with the words CLIP is asked about it.

    Two names with one `key` are the same category: find one by its key, never by its name.
    """

    name = models.CharField(max_length=100)
    key = FoldedField(of="name")
    prompt = models.CharField(
        max_length=200,
        blank=True,
        help_text="What the model reads in “a photo of …”, such as “a pair of jeans”. "
        "Empty: the name in lower case.",
    )
    is_active = models.BooleanField(
        "active",
        default=True,
        help_text="Active ones are guessed: by /clip/classify, and in the queue. Others are there "
        "for filters and thresholds.",
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
        constraints = [models.UniqueConstraint(fields=["key"], name="category_key_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def prompt_noun(self) -> str:
        """The words that stand in a prompt for this category."""
        return self.prompt or in_lower_case(self.name)

    def clean(self) -> None:
        """The key is in no form, so Django does not look for another category that has it."""
        twin = Category.objects.filter(key=key_of(self.name)).exclude(pk=self.pk).first()
        if twin is not None:
            raise ValidationError(f"There is the category “{twin}” already; choose another name.")


def content_hash(*, text: str, image_sha256: str, photos_hash: str = "") -> str:
    """SHA-256 over what a moderator judges: the text and the bytes of the photos."""
    further = f"\n{photos_hash}" if photos_hash else ""
    return hashlib.sha256(f"{image_sha256}{further}\n{text}".encode()).hexdigest()


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
    photos_hash = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        editable=False,
        help_text="SHA-256 over the further photos that are here; empty: there are none.",
    )
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
    audit_share = models.FloatField(
        null=True,
        editable=False,
        help_text="The largest probability with which it was ever drawn for the random sample; "
        "empty: not yet.",
    )
    former_audit_share = models.FloatField(
        null=True, editable=False, help_text="The largest one before that; empty: there was none."
    )
    gold_share = models.FloatField(
        null=True,
        editable=False,
        help_text="The largest probability with which it was drawn for gold, and so judged blind; "
        "empty: it was never flagged.",
    )
    withdrawn_at = models.DateTimeField(
        "withdrawn",
        null=True,
        editable=False,
        help_text="Since when the shop no longer offers it; empty: it does.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        permissions = [("erase_product", "Can erase products for good")]
        indexes = [
            # Of what no draw was noted of; next to nothing, once all was scored again.
            models.Index(
                fields=["id"],
                condition=models.Q(audit_share=None, withdrawn_at=None),
                name="product_not_drawn",
            )
        ]

    def __str__(self) -> str:
        return by_codes(f"{self.external_id}: {self.text[:60]}")

    @property
    def image_url(self) -> str:
        """The address of the main photo; empty while it is still to be fetched."""
        return default_storage.url(self.image.name) if self.image.name else ""

    @property
    def present_analysis(self) -> "Analysis | None":
        """The newest finished analysis, if it speaks of the present photo and text."""
        current = self.analysis
        return current if current and current.content_hash == self.content_hash else None

    def refresh_content_hash(self) -> None:
        """Bring `content_hash` in line with the text and the photos' hashes."""
        self.content_hash = content_hash(
            text=self.text, image_sha256=self.image_sha256, photos_hash=self.photos_hash
        )
