"""What came of asking for a photo: the row says it, and the product follows.

A photo that cannot be fetched is never a mismatch: its product is not scored.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from moderation.models import Product, ProductPhoto

from ...scoring import analyze
from ..intake import Photo
from . import rows

State = ProductPhoto.State
FIRST_WAIT, LONGEST_WAIT = 30.0, 6 * 3600.0  # seconds


@dataclass(frozen=True)
class Fetched:
    """The photo, stored; with what is asked with the next time."""

    photo: Photo
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class NotModified:
    """The host says that nothing has changed since."""


@dataclass(frozen=True)
class NotFetched:
    """Why it did not come. `again`: another attempt may help, after `wait` seconds at least."""

    problem: str  # of `problems.LABELS`
    sentence: str
    again: bool = False
    wait: float = 0.0


Answer = Fetched | NotModified | NotFetched


def settle(answers: Sequence[tuple[ProductPhoto, Answer]]) -> None:
    """Write down what came, and request analyses of listings that show something new.

    An answer about an address that the row has no longer is dropped.
    """
    asked = {row.pk: (row.url, answer) for row, answer in answers}
    with transaction.atomic():
        # In one order, the products first, as all who write both do.
        locked = Product.objects.select_for_update(of=("self",)).select_related("analysis")
        of_these = locked.filter(pk__in={row.product_id for row, _ in answers}).order_by("pk")
        products = {product.pk: product for product in of_these}
        present = []
        for row in ProductPhoto.objects.select_for_update().filter(pk__in=list(asked)):
            url, answer = asked[row.pk]
            if row.url == url and row.state == State.WAITING:
                row.product = products[row.product_id]
                _apply(row, answer)
                present.append(row)
        ProductPhoto.objects.bulk_update(present, _FIELDS)
        for row in present:
            if row.position == 0 and row.state == State.FETCHED:
                rows.take_as_main(row)
        settled = list({row.product_id: row.product for row in present}.values())
        with_further = {row.product_id for row in present if row.position}
        rows.take_further([one for one in settled if one.pk in with_further])
        held = rows.still_to_come([product.pk for product in settled])
        new = [one for one in settled if one.pk not in held and one.present_analysis is None]
        if new:
            analyze.request(new)


def seconds_to_wait(attempts: int) -> float:
    """How long after a failed attempt the next one is: half of it fixed, half random."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * 4.0 ** (attempts - 1))
    return wait / 2 + random.uniform(0, wait / 2)


_FIELDS = [
    *("image", "image_sha256", "state", "problem", "error"),
    *("attempts", "due_at", "checked_at", "etag", "last_modified"),
]


def _apply(row: ProductPhoto, answer: Answer) -> None:
    row.checked_at = Now()
    if isinstance(answer, NotFetched):
        row.problem, row.error = answer.problem, answer.sentence[:500]
        row.attempts += 1
        if row.product.withdrawn_at is not None:
            row.due_at = None  # nobody asks for it until the product is back
        elif answer.again and row.attempts < settings.FETCH_MAX_ATTEMPTS:
            wait = timedelta(seconds=max(answer.wait, seconds_to_wait(row.attempts)))
            row.due_at = Now() + wait
        else:
            row.state, row.due_at = State.FAILED, None
        return
    row.state, row.due_at, row.attempts = State.FETCHED, None, 0
    row.problem = row.error = ""
    if isinstance(answer, Fetched):
        row.image, row.image_sha256 = answer.photo.name, answer.photo.sha256
        row.etag, row.last_modified = answer.etag[:200], answer.last_modified[:100]
