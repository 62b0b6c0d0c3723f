"""Many products come in at once, in a handful of queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from moderation.models import Category, ModelVersion, Product, key_of

from ..scoring import analyze
from . import intake
from .fetching import rows
from .fetching.rows import Wanted
from .intake import IntakeError, Listing, Outcome, Photo, fill

# The columns of a product that a listing decides.
_TAKEN_OVER = [
    "text",
    "image",
    "image_sha256",
    "photos_hash",
    "content_hash",
    "category",
    "seller",
    "withdrawn_at",
    "updated_at",
]

Stored = Sequence[tuple[Product, Outcome]]
Note = Callable[[Stored], None]


def take_many(listings: Sequence[Listing], *, source: str) -> list[Outcome | IntakeError]:
    """`take` for many listings without files: what became of each, or why it was not taken.

    Categories that are new may be guessed, as with `take`. Of two with one id the first counts.
    """
    found: list[Outcome | IntakeError | None] = []
    sound: dict[str, tuple[int, Listing]] = {}
    known = _known_ids(listings)
    for index, listing in enumerate(listings):
        try:
            checked = intake.check(listing)
            if checked.external_id in sound:
                first = sound[checked.external_id][0]
                raise IntakeError(
                    f"product_id {checked.external_id} stands in row {first} already.",
                    field="product_id",
                )
            if checked.external_id not in known and not checked.addresses:
                raise IntakeError("A new product needs a photo; give its address.", field="photos")
            sound[checked.external_id] = (index, checked)
            found.append(None)
        except IntakeError as error:
            found.append(error)
    arrivals = [(listing, None) for _, listing in sound.values()]
    outcomes = store_and_request(arrivals, source=source, guess_categories=True)
    for (index, _), outcome in zip(sound.values(), outcomes, strict=True):
        found[index] = outcome
    return [one for one in found if one is not None]


def _known_ids(listings: Sequence[Listing]) -> set[str]:
    ids = [listing.external_id.strip() for listing in listings]
    return set(Product.objects.filter(external_id__in=ids).values_list("external_id", flat=True))


def store_and_request(
    arrivals: Sequence[tuple[Listing, Photo | None]],
    *,
    source: str,
    guess_categories: bool,
    version: ModelVersion | None = None,
    dry_run: bool = False,
    note: Note | None = None,
) -> list[Outcome]:
    """Store checked listings and request analyses of what is new, all or none; what became of each.

    With `guess_categories` the model may guess those categories that are new. Once more where
    somebody else made one of them meanwhile: now it is there to update. `note` is called with what
    was stored, in the same transaction.
    """
    store = partial(
        _store_and_request,
        source=source,
        guess_categories=guess_categories,
        version=version,
        dry_run=dry_run,
        note=note,
    )
    try:
        return store(arrivals)
    except IntegrityError:
        return store(arrivals)


def _store_and_request(
    arrivals: Sequence[tuple[Listing, Photo | None]],
    *,
    source: str,
    guess_categories: bool,
    version: ModelVersion | None,
    dry_run: bool,
    note: Note | None,
) -> list[Outcome]:
    with transaction.atomic():
        stored = store_many(
            arrivals, source=source, guess_categories=guess_categories, dry_run=dry_run
        )
        new = [product for product, outcome in stored if outcome is not Outcome.UNCHANGED]
        if new and not dry_run:
            analyze.request(new, version=version)
        if note and not dry_run:
            note(stored)
    return [outcome for _, outcome in stored]


def store_many(
    arrivals: Sequence[tuple[Listing, Photo | None]],
    *,
    source: str,
    guess_categories: bool = False,
    dry_run: bool = False,
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
    names = {listing.category or "" for listing, _ in arrivals}
    categories = _categories(names, are_guessed=guess_categories, dry_run=dry_run)
    stored, wanted = [], []
    for listing, photo in arrivals:
        product = known.get(listing.external_id)
        outcome = Outcome.UPDATED if product else Outcome.CREATED
        product = product or Product(external_id=listing.external_id, source=source)
        category = categories.get(key_of(listing.category or ""))
        if not fill(product, listing, photo=photo, category=category):
            outcome = Outcome.UNCHANGED
        stored.append((product, outcome))
        has_file = photo is not None
        wanted.append(Wanted(product, listing.addresses, has_file=has_file, files=listing.files))
    if dry_run:
        others = rows.differ(wanted)
    else:
        _save(stored)
        keys = rows.follow(wanted)
        rows.resume([product.pk for product, outcome in stored if outcome is Outcome.UPDATED])
        others = {product.external_id for product, _ in stored if product.pk in keys}
    return [(product, _outcome(product, outcome, others)) for product, outcome in stored]


def _outcome(product: Product, outcome: Outcome, others: set[str]) -> Outcome:
    """With a look at the photos: those of the products in `others` are not the ones of before."""
    is_other = outcome is Outcome.UNCHANGED and product.external_id in others
    return Outcome.UPDATED if is_other else outcome


def _save(stored: Sequence[tuple[Product, Outcome]]) -> None:
    Product.objects.bulk_create([p for p, outcome in stored if outcome is Outcome.CREATED])
    updated = [p for p, outcome in stored if outcome is Outcome.UPDATED]
    for product in updated:
        product.updated_at = timezone.now()  # bulk_update leaves auto_now to its caller
    Product.objects.bulk_update(updated, _TAKEN_OVER)


def _categories(names: Iterable[str], *, are_guessed: bool, dry_run: bool) -> dict[str, Category]:
    """Key -> category, made where it is new (in a dry run: not saved)."""
    known = {category.key: category for category in Category.objects.all()}
    for name in sorted(names):
        if name and key_of(name) not in known:
            make = Category if dry_run else Category.objects.create
            known[key_of(name)] = make(name=name, is_active=are_guessed)
    return known
