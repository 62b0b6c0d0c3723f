"""A small shop whose products moderators have judged by lot, for evaluation, gate and rollback."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from django.contrib.auth.models import User

from moderation.models import Analysis, Decision, ModelVersion, Product, ReviewItem
from moderation.services.catalogue import intake
from moderation.services.registry import registering
from tests.support.photos import photo

from .clip_models import build_folder

COLOURS = ("red", "blue", "green", "yellow", "black", "orange", "purple", "brown")


def taken_in(count: int, *, wrong_every: int = 2) -> list[Product]:
    """Products with a ball of a colour; every so-many-th has the text of another colour."""
    products = []
    for number, colour in zip(range(count), cycle(COLOURS), strict=False):
        is_wrong = number % wrong_every == 0
        said = COLOURS[(COLOURS.index(colour) + 3) % len(COLOURS)] if is_wrong else colour
        listing = intake.Listing(
            external_id=f"P{number}",
            text=f"A {said} ball number {number}",
            image=photo(colour, mark=zlib.crc32(str(number).encode()) % 9000),
            category="Balls" if number % 3 else "Toys",
        )
        products.append(intake.take(listing, source="import")[0])
    return products


def judge_all(
    products: Sequence[Product],
    *,
    by: Sequence[User],
    in_audit: bool = True,
    stratum: str = ReviewItem.Stratum.FLAGGED,
    probability: float = 1.0,
) -> list[Decision]:
    """What is true of each, decided by each of these moderators (the second one blind)."""
    decisions = []
    for product in products:
        row = Analysis.objects.filter(product=product).latest("pk")
        # Nobody decides on what the model has not judged.
        Analysis.objects.filter(pk=row.pk, status="pending").update(status="done")
        said, shown = product.text.split()[1], COLOURS[int(product.external_id[1:]) % len(COLOURS)]
        first = None
        for moderator in by:
            first = ReviewItem.objects.create(
                product=product,
                analysis=row,
                state=ReviewItem.State.DECIDED,
                suspicion=0.5,
                stratum=stratum,
                sampling_probability=probability,
                in_audit=in_audit,
                second_of=first,
            )
            decisions.append(
                Decision.objects.create(
                    item=first,
                    analysis=row,
                    moderator=moderator,
                    verdict="dismiss" if said == shown else "confirm",
                    reason="matches" if said == shown else "other_colour",
                    stratum=stratum,
                    sampling_probability=probability,
                )
            )
    return decisions


def candidate(
    folder: Path, *, parent: ModelVersion | None = None, **fields: object
) -> ModelVersion:
    """A version with the weights in `folder`, as a training registers it; made where empty."""
    if not folder.exists():
        build_folder(folder)
    version = registering.register(str(folder))
    values = {"platt_a": -10.0, "platt_b": 2.0, **fields}
    ModelVersion.objects.filter(pk=version.pk).update(
        source="trained", status="candidate", parent=parent, **values
    )
    version.refresh_from_db()
    return version
