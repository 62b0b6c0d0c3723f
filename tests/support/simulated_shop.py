"""A drawn shop and moderators who decide by what is true: the demo knows what it planted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from moderation.demo import catalogue
from moderation.models import Decision
from moderation.services.queue import review, review_claims

SMALL = 128  # pixels: a quarter of the drawing time, and twice what the bundled model looks at


def draw_shop(folder: Path, *, count: int, mismatch_share: float) -> set[str]:
    """Draw a shop; returns the ids of the products with a wrong text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "IMAGE_WIDTH", SMALL)
        planted = catalogue.write_catalogue(folder, count=count, mismatch_share=mismatch_share)
    return {product.product_id for product in planted}


def decide_all(wrong: set[str], *, by: Sequence[User]) -> int:
    """Each moderator in turn empties the queue, second opinions included; returns decisions."""
    before = Decision.objects.count()
    for moderator in (*by, *by):
        while (item := review_claims.claim_next(moderator)) is not None:
            is_wrong = item.product.external_id in wrong
            review.decide(
                item,
                moderator=moderator,
                verdict="confirm" if is_wrong else "dismiss",
                reason="other_product" if is_wrong else "matches",
            )
    return Decision.objects.count() - before
