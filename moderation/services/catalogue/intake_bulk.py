"""Many products come in at once, in a handful of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils import timezone

from moderation.models import Category, Product

from .intake import Listing, Outcome, Photo, fill

# The columns of a product that a listing decides.
_TAKEN_OVER = [
    "text",
    "image",
    "image_sha256",
    "content_hash",
    "category",
    "seller",
    "updated_at",
]


def store_many(
    arrivals: Sequence[tuple[Listing, Photo]], *, source: str, dry_run: bool = False
) -> list[tuple[Product, Outcome]]:
    """`store` for many checked listings with distinct ids, in a handful of queries.

    Call it in a transaction. A dry run says what would happen and writes nothing.
    """
    known = {
        product.external_id: product
        for product in Product.objects.select_for_update(of=("self",))
        .select_related("category")
        .filter(external_id__in=[listing.external_id for listing, _ in arrivals])
        .order_by("pk")
    }
    categories = _categories({listing.category or "" for listing, _ in arrivals}, dry_run=dry_run)
    stored = []
    for listing, photo in arrivals:
        product = known.get(listing.external_id)
        outcome = Outcome.UPDATED if product else Outcome.CREATED
        product = product or Product(external_id=listing.external_id, source=source)
        category = categories.get((listing.category or "").lower())
        if not fill(product, listing, photo=photo, category=category):
            outcome = Outcome.UNCHANGED
        stored.append((product, outcome))
    if not dry_run:
        _save(stored)
    return stored


def _save(stored: Sequence[tuple[Product, Outcome]]) -> None:
    Product.objects.bulk_create([p for p, outcome in stored if outcome is Outcome.CREATED])
    updated = [p for p, outcome in stored if outcome is Outcome.UPDATED]
    for product in updated:
        product.updated_at = timezone.now()  # bulk_update leaves auto_now to its caller
    Product.objects.bulk_update(updated, _TAKEN_OVER)


def _categories(names: Iterable[str], *, dry_run: bool) -> dict[str, Category]:
    """Lower-case name -> category, made where it is new (in a dry run: not saved)."""
    known = {category.name.lower(): category for category in Category.objects.all()}
    for name in sorted(names):
        if name and name.lower() not in known:
            make = Category if dry_run else Category.objects.create
            known[name.lower()] = make(name=name)
    return known
