"""Listings with several photos, drawn ones, and items that a further photo brought to the queue."""

from __future__ import annotations

from django.db import transaction

from moderation.demo import demo_products
from moderation.models import Analysis, FurtherPhoto, Product, ReviewItem
from moderation.services.catalogue import intake
from moderation.services.encoding import further_photos
from moderation.services.scoring import results

from .photos import jpeg

SHOP = demo_products(12, seed=5)


def take(external_id: str, *, main: int, further: tuple[int, ...]) -> Product:
    """A listing with the photos of these drawn products and the main one's text."""
    files = tuple(intake.store_photo(jpeg(SHOP[number].image(120))) for number in further)
    text, image = SHOP[main].text, jpeg(SHOP[main].image(120))
    listing = intake.Listing(external_id, text, image, addresses=(), files=files)
    product, _ = intake.take(listing, source="import")
    return Product.objects.get(pk=product.pk)


def make_misfit(external_id: str, *, misfit: int = 3, of: int = 4) -> ReviewItem:
    """The open item of a listing that passed, and whose photo of this number does not fit."""
    product = take(external_id, main=0, further=tuple(range(1, of)))
    row = Analysis.objects.select_related("product", "model_version").get(product=product)
    results.apply_score(row, 0.9)
    row.photos = further_photos.stored(
        [
            FurtherPhoto(
                one.position, one.image, one.image_sha256, 0.4 - one.position / 100, fits=True
            )
            if one.number != misfit
            else FurtherPhoto(one.position, one.image, one.image_sha256, -0.5, fits=False)
            for one in further_photos.present_of([product.pk])[product.pk]
        ]
    )
    with transaction.atomic():
        row.save()
        results.settle([row])
    return ReviewItem.objects.open().get(product=product)
