"""The queue as a version left it: items of its successor's time go, those it had come back.

`review_queue.follow` moves the queue forward to newer analyses. Here the products point at older
ones again, and what was open under them is opened again: the same items, with the strata,
probabilities and order that follow from those analyses. What people decided meanwhile, and second
opinions on it, stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, QuerySet

from moderation.models import (
    Analysis,
    Decision,
    ModelVersion,
    Product,
    ReviewItem,
    SecondVerdict,
)

from ..queries.one_parameter import among
from ..queue import second_verdicts
from ..rules import sampling

State = ReviewItem.State
_FIELDS = [
    *("state", "analysis", "suspicion", "uncertainty"),
    *("stratum", "sampling_probability", "in_audit", "claimed_by", "claimed_until"),
]


@dataclass(frozen=True)
class Before:
    """The queue when the version was replaced, as far as its analyses do not tell it."""

    moment: datetime  # an item opened later is of the successor
    drawn: dict[int, float]  # open items of the random sample, with their probability

    def had(self, item: ReviewItem, row: Analysis) -> bool:
        return item.opened_at <= self.moment and item.analysis.content_hash == row.content_hash

    def entry(
        self, item: ReviewItem, row: Analysis, *, second: SecondVerdict | None
    ) -> sampling.Entry | None:
        """How this item was in the queue, or None where it was not."""
        share = self.drawn.get(item.pk)
        if share is None and item.stratum == sampling.REOPENED and not row.is_mismatch:
            return sampling.REOPENED_ENTRY
        if share is None and row.is_mismatch is False:
            return sampling.entry_by_no_draw(row, second=second)
        if row.unreadable:
            return sampling.entry_of_unreadable()
        if row.is_mismatch:
            return sampling.Entry(sampling.FLAGGED, 1.0, in_audit=share is not None)
        return None if share is None else sampling.Entry(sampling.AUDIT, share, in_audit=True)


def put_back(products: QuerySet[Product], *, version: ModelVersion, before: Before) -> None:
    """Let the queue follow these products (locked) to the analyses they now point at."""
    rows = {
        row.product_id: row
        for row in Analysis.objects.current().filter(model_version=version, product__in=products)
    }
    names = dict(products.values_list("pk", "external_id"))
    near = sampling.near_margin(version)
    verdicts = second_verdicts.present_on([row.pk for row in rows.values()])
    entries = {
        key: sampling.entry(row, external_id=names[key], near=near, second=verdicts.get(row.pk))
        for key, row in rows.items()
    }
    there = ReviewItem.objects.filter(state__in=[State.OPEN, State.WITHDRAWN], second_of=None)
    held = set(there.filter(product__in=products).values_list("product_id", flat=True))
    concerned = sorted(held.union(key for key, entry in entries.items() if entry) & rows.keys())
    decided = _decided(concerned)
    closed: list[int] = []
    placed: list[ReviewItem] = []
    for key, items in _items(there, concerned).items():
        row, entry = rows[key], entries[key]
        had = next((item for item in reversed(items) if before.had(item, row)), None)
        if had is not None:
            entry = before.entry(had, row, second=verdicts.get(row.pk))
        # An analysis has one item: also where its answer came late, after the switch.
        kept = next((item for item in items if item.analysis_id == row.pk), had)
        if entry is None or (key, row.content_hash) in decided:
            kept = entry = None
        closed += [item.pk for item in items if item.state == State.OPEN and item is not kept]
        if entry is not None:
            item = kept or ReviewItem(
                product_id=key, random_order=sampling.random_order(names[key])
            )
            placed.append(_placed(item, row, entry, second=verdicts.get(row.pk)))
    # In this order: a product has one open item at most.
    ReviewItem.objects.open().filter(among("pk", closed)).update(state=State.WITHDRAWN)
    ReviewItem.objects.bulk_update([item for item in placed if item.pk], _FIELDS)
    ReviewItem.objects.bulk_create(item for item in placed if not item.pk)


def reopen(products: QuerySet[Product]) -> None:
    """Let people judge these products (locked) whose automatic decisions were taken back.

    Where their present scores flag or draw them; what a person has decided stays decided.
    """
    present = Analysis.objects.current().filter(product__in=products)
    present = present.filter(content_hash=F("product__content_hash"))
    rows = {row.product_id: row for row in present.select_related("model_version")}
    names = dict(products.values_list("pk", "external_id"))
    near = {
        version: sampling.near_margin(version)
        for version in {r.model_version for r in rows.values()}
    }
    verdicts = second_verdicts.present_on([row.pk for row in rows.values()])
    keys = sorted(rows)
    decided = _decided(keys)
    waiting = ReviewItem.objects.open().filter(among("product", keys))
    busy = set(waiting.values_list("product_id", flat=True))
    there = ReviewItem.objects.filter(state=State.WITHDRAWN, second_of=None)
    placed: list[ReviewItem] = []
    for key, items in _items(there, keys).items():
        row = rows[key]
        second = verdicts.get(row.pk)
        entry = sampling.entry(
            row, external_id=names[key], near=near[row.model_version], second=second
        )
        if entry is None or key in busy or (key, row.content_hash) in decided:
            continue
        # An analysis has one item; else the newest about the same photo and text stays open.
        same = [one for one in items if one.analysis.content_hash == row.content_hash]
        same.sort(key=lambda one: (one.analysis_id == row.pk, one.pk))
        item = (
            same[-1]
            if same
            else ReviewItem(product_id=key, random_order=sampling.random_order(names[key]))
        )
        placed.append(_placed(item, row, entry, second=second))
    ReviewItem.objects.bulk_update([item for item in placed if item.pk], _FIELDS)
    ReviewItem.objects.bulk_create(item for item in placed if not item.pk)


def _decided(products: list[int]) -> set[tuple[int, str]]:
    standing = Decision.objects.standing().filter(among("analysis__product", products))
    return set(standing.values_list("analysis__product_id", "analysis__content_hash"))


def _items(there: QuerySet[ReviewItem], products: list[int]) -> dict[int, list[ReviewItem]]:
    """The open and withdrawn items of each product, oldest first."""
    items: dict[int, list[ReviewItem]] = {key: [] for key in products}
    found = there.filter(among("product", products)).select_related("analysis").order_by("pk")
    for item in found.select_for_update(of=("self",)):
        items[item.product_id].append(item)
    return items


def _placed(
    item: ReviewItem, row: Analysis, entry: sampling.Entry, *, second: SecondVerdict | None
) -> ReviewItem:
    if item.state != State.OPEN:
        item.state, item.claimed_by, item.claimed_until = State.OPEN, None, None
    return sampling.placed(item, row, entry, second=second)
