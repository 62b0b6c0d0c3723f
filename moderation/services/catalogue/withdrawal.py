"""Listings that the shop no longer offers, and those that it offers again.

A withdrawn product keeps its analyses and decisions, and leaves what speaks of the present
catalogue: the queue, its figures, new training data. Sent again, it is back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from moderation import acts
from moderation.models import Analysis, Product
from moderation.models.querysets import ProductQuerySet

from ..queries.one_parameter import among
from ..queue import review_queue
from ..scoring import analyze
from .fetching import rows

_CHUNK = 500


def withdraw(products: Sequence[int], *, by: User | None) -> int:
    """Withdraw these products, given by their keys; returns how many were not yet."""
    return sum(_withdraw(chunk, by=by) for chunk in _chunks(products))


def bring_back(products: Sequence[int], *, by: User | None) -> int:
    """Offer withdrawn products again, and request their analyses; returns how many.

    Of what was erased there is nothing to offer.

    Raises `ModelError` where no model is active.
    """
    return sum(_bring_back(chunk, by=by) for chunk in _chunks(products))


def _chunks(products: Sequence[int]) -> Iterator[Sequence[int]]:
    keys = sorted(products)
    return (keys[start : start + _CHUNK] for start in range(0, len(keys), _CHUNK))


def _locked(keys: Sequence[int]) -> ProductQuerySet:
    """In one order, the products first, as all who write both they and their rows do."""
    locked = Product.objects.select_for_update(of=("self",))
    return locked.filter(among("pk", keys)).order_by("pk")


def _withdraw(keys: Sequence[int], *, by: User | None) -> int:
    with transaction.atomic():
        gone = list(_locked(keys).present().values_list("pk", flat=True))
        now = timezone.now()
        Product.objects.filter(among("pk", gone)).update(withdrawn_at=now, updated_at=now)
        # What a worker holds is answered, and opens no item.
        Analysis.objects.pending().filter(among("product", gone)).delete()
        review_queue.withdraw(gone)
        rows.suspend(gone)
        if gone:
            acts.note("withdrew", by=by, products=gone)
    return len(gone)


def _bring_back(keys: Sequence[int], *, by: User | None) -> int:
    with transaction.atomic():
        products = list(_locked(keys).filter(withdrawn_at__isnull=False, erasure=None))
        back = [product.pk for product in products]
        Product.objects.filter(among("pk", back)).update(
            withdrawn_at=None, updated_at=timezone.now()
        )
        rows.resume(back)
        if back:
            analyze.request(products)
            acts.note("brought back", by=by, products=back)
    return len(back)
