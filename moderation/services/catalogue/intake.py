"""Products come in: one at a time, checked, stored by content, and asked about once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.db import IntegrityError, transaction

from moderation.clip.errors import ImageError
from moderation.clip.pictures import images
from moderation.models import Category, Product, key_of

from ..rules import photos
from ..scoring import analyze
from .fetching import addresses, rows
from .fetching.rows import Wanted
from .oddities import is_blank, shows_nothing, stands_for_none


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
    """A product as it arrives. `image` is the bytes of a file, `addresses` where photos lie.

    Of several photos the first is the main one; a file comes before all addresses, and `files`,
    checked and stored already, between the two. None keeps what the product has: its photos,
    category or seller.
    """

    external_id: str
    text: str
    image: bytes | None
    category: str | None = ""
    seller: str | None = ""
    addresses: tuple[str, ...] | None = None
    files: tuple[Photo, ...] = ()


@dataclass(frozen=True)
class Photo:
    """A photo in the storage: the SHA-256 of its bytes, and its name there."""

    sha256: str
    name: str


def check(listing: Listing) -> Listing:
    """The listing with its spaces trimmed. Raises `IntakeError` for the first field at fault."""
    external_id, text = listing.external_id.strip(), " ".join(listing.text.split())
    limit = settings.MAX_TEXT_LENGTH
    if is_blank(external_id):
        raise IntakeError("product_id is empty; give each product its id.", field="product_id")
    if len(external_id) > 100:
        raise IntakeError("product_id has more than 100 characters.", field="product_id")
    if shows_nothing(text):
        raise IntakeError("text is empty; give the title or description.", field="text")
    if len(text) > limit:
        raise IntakeError(
            f"text has {len(text)} characters; at most {limit} are accepted.", field="text"
        )
    category, seller = _trimmed(listing.category), _trimmed(listing.seller)
    if category and stands_for_none(category):
        category = ""  # else its photos would not look like their category, "N/A"
    check_characters(product_id=external_id, text=text, category=category, seller=seller)
    for field, value in (("category", category), ("seller", seller)):
        if len(value or "") > 100:
            raise IntakeError(f"{field} has more than 100 characters.", field=field)
    if listing.image is not None:
        check_image(listing.image)
    return Listing(
        external_id=external_id,
        text=text,
        image=listing.image,
        category=category,
        seller=seller,
        addresses=_addresses(listing.addresses),
        files=listing.files,
    )


def _addresses(given: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Each once, in the order given. Raises `IntakeError`."""
    if not given:
        return given
    try:
        found = tuple(dict.fromkeys(addresses.checked(address) for address in given))
    except addresses.BadAddress as error:
        raise IntakeError(str(error), field="photos") from error
    if len(found) > addresses.MOST:
        raise IntakeError(
            f"The listing has {len(found)} photos; at most {addresses.MOST} are taken.",
            field="photos",
        )
    return found


def check_characters(**fields: str | None) -> None:
    """Refuse what no database or file name can hold. Raises `IntakeError`."""
    for field, value in fields.items():
        if "\x00" in (value or ""):
            raise IntakeError(f"{field} holds a NUL character; remove it.", field=field)
        try:
            (value or "").encode()
        except UnicodeEncodeError as error:
            raise IntakeError(
                f"{field} holds half a character (a lone surrogate, at position "
                f"{error.start + 1}); write it again as UTF-8.",
                field=field,
            ) from error


def _trimmed(value: str | None) -> str | None:
    return None if value is None else "" if is_blank(value) else value.strip()


def check_image(data: bytes) -> None:
    """Refuse what could not be analysed later, with the field's name."""
    if len(data) > settings.MAX_UPLOAD_BYTES:
        raise IntakeError(
            f"The image has {len(data) / 2**20:.1f} MB; at most {settings.MAX_UPLOAD_MB:g} MB "
            "are accepted.",
            field="image",
        )
    try:
        images.check_image(data, max_pixels=settings.MAX_IMAGE_PIXELS)
    except ImageError as error:
        raise IntakeError(str(error), field="image") from error


def take(listing: Listing, *, source: str) -> tuple[Product, Outcome]:
    """Create or update the product with this id, and request an analysis where content is new.

    Raises `IntakeError`; nothing is stored then.
    """
    listing = check(listing)
    try:
        return _take(listing, source=source)
    except IntegrityError:
        # Somebody else made the same product or category meanwhile: now it is there to be found.
        return _take(listing, source=source)


def _take(listing: Listing, *, source: str) -> tuple[Product, Outcome]:
    with transaction.atomic():
        product, outcome = store(listing, source=source)
        if outcome is not Outcome.UNCHANGED:
            analyze.request([product])
    return product, outcome


def store(listing: Listing, *, source: str) -> tuple[Product, Outcome]:
    """Save a checked listing without requesting an analysis; for callers that request in bulk."""
    product = (
        Product.objects.select_for_update(of=("self",))
        .select_related("category")
        .filter(external_id=listing.external_id)
        .first()
    )
    created = product is None
    if product is None:
        if listing.image is None and not listing.addresses:
            raise IntakeError("The image is missing; a new product needs one.", field="image")
        product = Product(external_id=listing.external_id, source=source)
    photo = None if listing.image is None else store_photo(listing.image)
    changed = fill(product, listing, photo=photo, category=category_named(listing.category or ""))
    if changed or created:
        product.save()
    has_file = photo is not None
    wanted = Wanted(product, listing.addresses, has_file=has_file, files=listing.files)
    changed = bool(rows.follow([wanted])) or changed
    if changed and not created:
        rows.resume([product.pk])
    if created:
        return product, Outcome.CREATED
    return product, Outcome.UPDATED if changed else Outcome.UNCHANGED


def fill(
    product: Product, listing: Listing, *, photo: Photo | None, category: Category | None
) -> bool:
    """Take the listing over into the product, unsaved; True where that changed anything.

    One that was withdrawn is offered again.
    """
    before = _state(product)
    product.withdrawn_at = None
    product.text = listing.text
    if listing.category is not None:
        product.category = category
    if listing.seller is not None:
        product.seller = listing.seller
    if photo is not None:
        product.image_sha256, product.image.name = photo.sha256, photo.name
    product.refresh_content_hash()
    return before != _state(product)


def _state(product: Product) -> tuple[object, ...]:
    return (product.content_hash, product.category, product.seller, product.withdrawn_at)


def photo_of(data: bytes) -> Photo:
    """The hash and the name a checked photo is stored under; nothing is written.

    A name that says the content never changes its meaning, so old analyses keep their photo and
    browsers may cache it for ever.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    name = f"products/{sha256[:2]}/{sha256}{images.suffix(data)}"
    return Photo(sha256=sha256, name=name)


def store_photo(data: bytes) -> Photo:
    """Store a checked photo under its own hash, once."""
    photo = photo_of(data)
    photos.store(photo.name, data)
    return photo


def category_named(name: str) -> Category | None:
    """The category of this name in any spelling, made where it is new; None for an empty name."""
    if not name:
        return None
    return Category.objects.get_or_create(key=key_of(name), defaults={"name": name})[0]
