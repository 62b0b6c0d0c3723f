"""Products come in: one at a time, checked, stored by content, and asked about once."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from pathlib import Path

from django.conf import settings
from django.db import transaction
from PIL import Image

from moderation.clip.errors import ImageError
from moderation.clip.images import open_image
from moderation.models import Category, Product

from . import analyze

_SUFFIX = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif"}


class IntakeError(Exception):
    """A product that cannot be taken; `field` names the column at fault."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Listing:
    """A product as it arrives. `image` is the file's bytes, or None to keep the photo it has."""

    external_id: str
    text: str
    image: bytes | None
    category: str = ""
    seller: str = ""


def check(listing: Listing) -> Listing:
    """The listing with its spaces trimmed. Raises `IntakeError` for the first field at fault."""
    external_id, text = listing.external_id.strip(), " ".join(listing.text.split())
    limit = settings.MAX_TEXT_LENGTH
    if not external_id:
        raise IntakeError("product_id is empty; give each product its id.", field="product_id")
    if len(external_id) > 100:
        raise IntakeError("product_id has more than 100 characters.", field="product_id")
    if not text:
        raise IntakeError("text is empty; give the title or description.", field="text")
    if len(text) > limit:
        raise IntakeError(
            f"text has {len(text)} characters; at most {limit} are accepted.", field="text"
        )
    if "\x00" in external_id + text + listing.category + listing.seller:
        raise IntakeError("The row holds a NUL character; remove it.", field="text")
    for field, value in (("category", listing.category), ("seller", listing.seller)):
        if len(value.strip()) > 100:
            raise IntakeError(f"{field} has more than 100 characters.", field=field)
    if listing.image is not None:
        check_image(listing.image)
    return Listing(
        external_id=external_id,
        text=text,
        image=listing.image,
        category=listing.category.strip(),
        seller=listing.seller.strip(),
    )


def check_image(data: bytes) -> None:
    """Refuse what could not be analysed later, with the field's name."""
    if len(data) > settings.MAX_UPLOAD_BYTES:
        raise IntakeError(
            f"The image has {len(data) / 2**20:.1f} MB; at most {settings.MAX_UPLOAD_MB:g} MB "
            "are accepted.",
            field="image",
        )
    try:
        open_image(data, shortest_edge=64, max_pixels=settings.MAX_IMAGE_PIXELS)
    except ImageError as error:
        raise IntakeError(str(error), field="image") from error


def take(listing: Listing, *, source: str) -> tuple[Product, Outcome]:
    """Create or update the product with this id, and ask for an analysis where content is new.

    Raises `IntakeError`; nothing is stored then.
    """
    listing = check(listing)
    with transaction.atomic():
        product, outcome = store(listing, source=source)
        if outcome is not Outcome.UNCHANGED:
            analyze.request([product])
    return product, outcome


def store(listing: Listing, *, source: str) -> tuple[Product, Outcome]:
    """Save a checked listing without asking for an analysis; for callers that ask in bulk."""
    product = Product.objects.select_for_update().filter(external_id=listing.external_id).first()
    created = product is None
    if product is None:
        if listing.image is None:
            raise IntakeError("The image is missing; a new product needs one.", field="image")
        product = Product(external_id=listing.external_id, source=source)
    before = (product.content_hash, product.category_id, product.seller)
    product.text, product.seller = listing.text, listing.seller
    product.category = category_named(listing.category)
    if listing.image is not None:
        product.image_sha256 = hashlib.sha256(listing.image).hexdigest()
        product.image.name = store_image(listing.image, sha256=product.image_sha256)
    product.refresh_content_hash()
    if not created and before == (product.content_hash, product.category_id, product.seller):
        return product, Outcome.UNCHANGED
    product.save()
    return product, Outcome.CREATED if created else Outcome.UPDATED


def store_image(data: bytes, *, sha256: str) -> str:
    """Store a photo under its own hash, once; returns its name in the media folder.

    A name that says the content never changes its meaning, so old analyses keep their photo and
    browsers may cache it for ever.
    """
    with Image.open(BytesIO(data)) as image:
        suffix = _SUFFIX[image.format or ""]
    name = f"products/{sha256[:2]}/{sha256}{suffix}"
    path = Path(settings.MEDIA_ROOT) / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed: a process that dies here leaves no half photo of that name.
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(data)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    return name


def category_named(name: str) -> Category | None:
    """The category of this name in any case, made where it is new; None for an empty name."""
    if not name:
        return None
    found = Category.objects.filter(name__iexact=name).first()
    return found or Category.objects.create(name=name)
