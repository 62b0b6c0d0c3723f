"""Simulated moderators at a real queue, run by `benchmarks.new_shop.loop` on its database."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402

from moderation.clip.data.catalogue_csv import read_table  # noqa: E402
from moderation.models import Analysis, Decision, ReviewItem  # noqa: E402
from moderation.services.queue import review, review_claims  # noqa: E402

FIRST = 200
TURN = 50  # items that a moderator decides before the other continues


def decide(wrong: set[str], count: int) -> str:
    """Both take turns until `count` items are decided for the first time, or none is left."""
    people = [User.objects.get_or_create(username=name)[0] for name in ("ann", "ben")]
    found = first = turn = 0
    idle = 0
    while first < count and idle < len(people):
        someone, idle = people[turn % len(people)], idle + 1
        turn += 1
        for _ in range(TURN):
            item = review_claims.claim_next(someone) if first < count else None
            if item is None:
                break
            idle = 0
            is_wrong = item.product.external_id in wrong
            review.decide(
                item,
                moderator=someone,
                verdict="confirm" if is_wrong else "dismiss",
                reason="other_product" if is_wrong else "matches",
            )
            if item.second_of_id is None:
                first += 1
                found += is_wrong
        review_claims.release(someone)
    second = Decision.objects.exclude(item__second_of=None).count()
    return (
        f"{first:,} listings decided, {found} of them wrong, {second} second opinions; "
        f"{ReviewItem.objects.open().count():,} items are open. {look(wrong)}"
    )


def look(wrong: set[str]) -> str:
    """How many of the most suspicious undecided listings are wrong."""
    decided = Decision.objects.values("analysis__product")
    rows = Analysis.objects.current().exclude(product__in=decided).order_by("-p_mismatch", "pk")
    names = rows.values_list("product__external_id", flat=True)[:FIRST]
    share = sum(name in wrong for name in names) / FIRST
    return f"Of the {FIRST} most suspicious undecided listings {share:.0%} are wrong."


if __name__ == "__main__":
    what, shop, number = sys.argv[1:]
    planted = {row["product_id"] for row in read_table(Path(shop)) if row["label"] == "0"}
    sys.stdout.write(decide(planted, int(number)) if what == "decide" else look(planted))
