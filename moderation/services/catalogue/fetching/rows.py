"""A listing's photos as rows: what the shop names, in its order, whether it is here or not.

A product whose only photo came as a file has none. A photo under a new address leaves the product
the file of the one before until it has been fetched, so that a listing is never without its photo.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from moderation.models import Product, ProductPhoto, photos_hash

from ...encoding import further_photos
from ...queries.one_parameter import among
from . import hosts
from .addresses import host_of

if TYPE_CHECKING:
    from ..intake import Photo

State = ProductPhoto.State

# What a row knows of the photo at its address; it moves along where the shop puts them in another
# order.
_OF_ADDRESS = (
    *("url", "host", "image", "image_sha256", "state", "problem", "error"),
    *("attempts", "due_at", "checked_at", "etag", "last_modified"),
)


@dataclass(frozen=True)
class Wanted:
    """The photos that a listing names. `addresses` None: those that it has stay.

    `has_file`: the main photo came as a file, and the others follow it: `files`, then addresses.
    """

    product: Product
    addresses: tuple[str, ...] | None
    has_file: bool
    files: tuple[Photo, ...] = ()


@dataclass
class _Plan:
    """What makes the rows of one product those that are wanted."""

    made: list[ProductPhoto] = field(default_factory=list)
    changed: list[ProductPhoto] = field(default_factory=list)
    gone: list[ProductPhoto] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.made or self.changed or self.gone)


def follow(wanted: Sequence[Wanted]) -> set[int]:
    """Let the rows of these saved products be what is wanted (in a transaction).

    Returns the keys of the products whose photos are others now. What is here of those already is
    taken over.
    """
    plans = _plans(wanted)
    ProductPhoto.objects.filter(
        among("pk", [row.pk for plan in plans.values() for row in plan.gone])
    ).delete()
    made = [row for plan in plans.values() for row in plan.made]
    changed = [row for plan in plans.values() for row in plan.changed]
    hosts.meet((*made, *changed))
    ProductPhoto.objects.bulk_create(made, batch_size=500)
    ProductPhoto.objects.bulk_update(changed, _OF_ADDRESS, batch_size=500)
    for row in (*made, *changed):
        if row.position == 0 and row.state == State.FETCHED:
            take_as_main(row)
    others = [one.product for one in wanted if plans[one.product.external_id]]
    take_further(others)
    return {product.pk for product in others}


def differ(wanted: Sequence[Wanted]) -> set[str]:
    """The ids of the products whose photos would be others; nothing is written."""
    return {external_id for external_id, plan in _plans(wanted).items() if plan}


def take_as_main(row: ProductPhoto) -> bool:
    """Make the file of this row the product's photo; True where that is another one."""
    product = row.product
    if row.image_sha256 == product.image_sha256:
        return False
    product.image.name, product.image_sha256 = row.image, row.image_sha256
    product.refresh_content_hash()
    product.save(update_fields=["image", "image_sha256", "content_hash", "updated_at"])
    return True


def take_further(products: Sequence[Product]) -> None:
    """Make the further photos that are here part of what these saved products show."""
    here = further_photos.present_of([product.pk for product in products])
    changed = []
    for product in products:
        seen = photos_hash(one.image_sha256 for one in here.get(product.pk, ()))
        if product.photos_hash != seen:
            product.photos_hash, product.updated_at = seen, timezone.now()
            product.refresh_content_hash()
            changed.append(product)
    Product.objects.bulk_update(changed, ["photos_hash", "content_hash", "updated_at"])


def still_to_come(products: Sequence[int]) -> set[int]:
    """Those of these products of which the host of the main photo has others to send at once.

    They are scored when all are here, and not once for each.
    """
    main = ProductPhoto.objects.filter(product=OuterRef("product"), position=0)
    expected = _waiting(products).filter(
        position__gt=0, attempts=0, due_at__lte=Now(), host=Subquery(main.values("host")[:1])
    )
    return set(expected.order_by().values_list("product", flat=True))


def suspend(products: Sequence[int]) -> None:
    """Let the photos of these products wait, though not be asked for, until `resume`."""
    _waiting(products).update(due_at=None)


def resume(products: Sequence[int]) -> None:
    """Ask for what `suspend` held back."""
    _waiting(products).filter(due_at=None).update(due_at=Now())


def _waiting(products: Sequence[int]) -> QuerySet[ProductPhoto]:
    return ProductPhoto.objects.filter(among("product", products), state=State.WAITING)


def _plans(wanted: Sequence[Wanted]) -> dict[str, _Plan]:
    """By external id."""
    rows: dict[int, dict[int, ProductPhoto]] = defaultdict(dict)
    keys = [one.product.pk for one in wanted if one.product.pk]
    for row in ProductPhoto.objects.filter(among("product", keys)).order_by("position"):
        rows[row.product_id][row.position] = row
    return {one.product.external_id: _plan(one, rows.get(one.product.pk, {})) for one in wanted}


def _plan(one: Wanted, present: Mapping[int, ProductPhoto]) -> _Plan:
    plan = _Plan()
    target = _target(one, present)
    if target is None:
        return plan
    plan.gone = [row for position, row in present.items() if position not in target]
    known = {row.url: _about(row) for row in present.values() if row.url}
    for position, named in target.items():
        row = present.get(position) or ProductPhoto(product=one.product, position=position)
        if isinstance(named, str):
            about = known.get(named) or _unknown(named, one.product)
        else:
            about = _file(named.name, named.sha256)
        if row.pk is not None and _about(row) == about:
            continue
        for name, value in about.items():
            setattr(row, name, value)
        row.product = one.product
        (plan.made if row.pk is None else plan.changed).append(row)
    return plan


def _target(one: Wanted, present: Mapping[int, ProductPhoto]) -> dict[int, str | Photo] | None:
    """Position -> address or file, "" for that of the product; None: nothing was said of them."""
    if one.addresses is not None:
        own: tuple[str | Photo, ...] = ("", *one.files) if one.has_file else ()
        named = (*own, *one.addresses)
        return {} if named == ("",) else dict(enumerate(named))
    if one.has_file and present:  # the file is the main photo now, and the others stay
        return {position: "" if position == 0 else row.url for position, row in present.items()}
    return None


def _about(row: ProductPhoto) -> dict[str, object]:
    return {name: getattr(row, name) for name in _OF_ADDRESS}


def _unknown(address: str, product: Product) -> dict[str, object]:
    """What is known of an address that is new, or of the file that the product has."""
    if address:
        return _about(ProductPhoto(url=address, host=host_of(address), due_at=Now()))
    return _file(product.image.name or "", product.image_sha256)


def _file(name: str, sha256: str) -> dict[str, object]:
    return _about(ProductPhoto(image=name, image_sha256=sha256, state=State.FETCHED))
