"""A part of the queue, as it stands in an address: `category=3&seller=smith&older=2d`.

Some fields reveal what the model said (`band`, `reason=flagged`) or which version said it, which
the page of a blind item hides: who is handed a blind item under `band=clear` would know its score.
So these fields leave blind items out. The others say only what the page shows anyway (category,
seller, that the listing changed, how long it waits) or what moderators did (skipped it), and keep
them in. The blind items of two such filters never differ by what the model said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Exists, Model, OuterRef, Q
from django.utils import timezone

from moderation.clip.errors import ModelError
from moderation.models import Category, ModelVersion, ReviewItem, Skip
from moderation.models.querysets import ReviewItemQuerySet

from ..queries import cache
from ..registry import versions
from ..rules.thresholds import Thresholds
from .queue_field import QueueField, QueueFilterError, key, narrows, one_of

BANDS = {
    "review": "Flagged, not clearly",
    "clear": "Clear mismatches",
    "unreadable": "Cannot be read by the model",
}
REASONS = {
    "flagged": "Flagged by the model",
    "reopened": "Decided before, then changed",
    "skipped": "Skipped by somebody",
}
_BY_REASON = {
    "flagged": Q(stratum=ReviewItem.Stratum.FLAGGED),
    # Not by its stratum, which says that the model did not flag it.
    "reopened": Q(reopens__isnull=False),
    "skipped": Q(Exists(Skip.objects.filter(item=OuterRef("pk")))),
}
_UNITS = {"h": "hours", "d": "days"}
_MOST = {"h": 24 * 3650, "d": 3650}
_LONGEST_SELLER = 100
_FEW = 1000
_LONG_FOR_A_PAGE = 0.15  # seconds
_FEW_CACHED = timedelta(minutes=1)


def _seller(name: str, text: str) -> str:
    if len(text) > _LONGEST_SELLER or "\0" in text:
        raise QueueFilterError(name, "No seller has this name; it is too long or unreadable.")
    return text


def _older(name: str, text: str) -> str:
    found = re.fullmatch(r"([0-9]{1,6})([hd])", text.lower())
    if found is None or not 0 < int(found[1]) <= _MOST[found[2]]:
        raise QueueFilterError(
            name, f"“{text.lower()[:40]}” is no age; write hours or days, such as 12h or 3d."
        )
    return f"{int(found[1])}{found[2]}"


def _span(older: str) -> timedelta:
    return timedelta(**{_UNITS[older[-1]]: int(older[:-1])})


def _waiting(older: str) -> str:
    number, unit = int(older[:-1]), _UNITS[older[-1]]
    return f"Waiting {number} {unit if number != 1 else unit[:-1]} or longer"


def _name(model: type[Model], pk: int) -> str | None:
    return model._default_manager.filter(pk=pk).values_list("name", flat=True).first()


@dataclass(frozen=True)
class QueueFilter:
    """What an item must be. In addresses and words the fields stand in this order."""

    band: str | None = narrows(
        QueueField(
            title="Band",
            parse=one_of(BANDS),
            apply=lambda items, band: _in_band(items, band),
            words=BANDS.__getitem__,
            choices=BANDS.items,
            after_others=True,
            tells_of_the_model=bool,
            asks_for_analyses=True,
        )
    )
    category: int | None = narrows(
        QueueField(
            title="Category",
            parse=key,
            apply=lambda items, pk: items.filter(product__category_id=pk),
            words=lambda pk: _name(Category, pk) or "A category that is gone",
            choices=lambda: Category.objects.values_list("pk", "name"),
        )
    )
    seller: str | None = narrows(
        QueueField(
            title="Seller",
            parse=_seller,
            apply=lambda items, seller: items.filter(product__seller=seller),
            words="Seller {}".format,
            longest=_LONGEST_SELLER,
        )
    )
    reason: str | None = narrows(
        QueueField(
            title="Why it waits",
            parse=one_of(REASONS),
            apply=lambda items, reason: items.filter(_BY_REASON[reason]),
            words=REASONS.__getitem__,
            choices=REASONS.items,
            anything="Any reason",
            tells_of_the_model="flagged".__eq__,
        )
    )
    version: int | None = narrows(
        QueueField(
            title="Model version",
            parse=key,
            apply=lambda items, pk: items.filter(analysis__model_version_id=pk),
            words=lambda pk: f"Scored by {_name(ModelVersion, pk) or 'a version that is gone'}",
            choices=lambda: ModelVersion.objects.values_list("pk", "name"),
            after_others=True,
            tells_of_the_model=bool,
            asks_for_analyses=True,
        )
    )
    older: str | None = narrows(  # such as 12h or 3d
        QueueField(
            title="Waiting for at least",
            parse=_older,
            apply=lambda items, age: items.filter(opened_at__lte=timezone.now() - _span(age)),
            words=_waiting,
            example="12h or 3d",
            help="hours or days, such as 12h or 3d",
            after_others=True,
        )
    )

    @classmethod
    def fields(cls) -> dict[str, QueueField[Any]]:
        """Each field by its name in the address."""
        return {one.name: one.metadata["about"] for one in fields(cls)}

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> QueueFilter:
        """The filter of an address; names that are none of its own are left alone.

        Raises `QueueFilterError`.
        """
        given = {name: query.get(name, "").strip() for name in cls.fields()}
        return cls(
            **{name: cls.fields()[name].parse(name, text) for name, text in given.items() if text}
        )

    def _chosen(self) -> Iterator[tuple[str, QueueField[Any], Any]]:
        for name, field in self.fields().items():
            value = getattr(self, name)
            if value not in ("", None):
                yield name, field, value

    @property
    def query(self) -> str:
        """The filter as it stands in an address; the same for the same filter."""
        return urlencode([(name, value) for name, _, value in self._chosen()])

    @property
    def is_empty(self) -> bool:
        """Whether it is the whole queue."""
        return not any(self._chosen())

    @property
    def tells_of_the_model(self) -> bool:
        """Whether to be in it says what the model said, or which one; see above."""
        return any(field.tells_of_the_model(value) for _, field, value in self._chosen())

    @property
    def asks_for_analyses(self) -> bool:
        """Whether an item alone does not tell if it is let through."""
        return any(field.asks_for_analyses for _, field, _ in self._chosen())

    @property
    def words(self) -> str:
        """The filter for people."""
        parts = [field.words(value) for _, field, value in self._chosen()]
        return " · ".join(parts) or "The whole queue"

    def apply(self, items: ReviewItemQuerySet) -> ReviewItemQuerySet:
        """Those of `items` that it lets through, for a page that looks for the first of them.

        In a large queue with few such items, new ones are seen within a minute.
        """
        matching = self.matching(items)
        if not self.asks_for_analyses:
            return matching
        few = cache.value("few", self.query, self._few, long=_LONG_FOR_A_PAGE, at_least=_FEW_CACHED)
        return matching if few is None else matching.filter(pk__in=few)

    def _few(self) -> list[int] | None:
        """The open items that it lets through, or None where they are more than a few.

        No index of the items knows of their analyses: to find that there are none, a database
        looks at all that are open, and each query of a page would do so again.
        """
        found = self.matching(ReviewItem.objects.open()).order_by().values_list("pk", flat=True)
        some = list(found[: _FEW + 1])
        return some if len(some) <= _FEW else None

    def matching(self, items: ReviewItemQuerySet) -> ReviewItemQuerySet:
        """Those of `items` that it lets through."""
        if self.tells_of_the_model:
            items = items.in_the_open()
        for _, field, value in self._chosen():
            items = field.apply(items, value)
        return items


# ── Bands ─────────────────────────────────────────────────────────────────────────────────────
def _in_band(items: ReviewItemQuerySet, band: str) -> ReviewItemQuerySet:
    """Flagged items that are clear mismatches, or those that are not, or what has no score at all.

    As the automatic action sees it: a band is warranted for the version that answers now.
    """
    if band == "unreadable":
        return items.filter(stratum=ReviewItem.Stratum.UNREADABLE)
    flagged = items.filter(stratum=ReviewItem.Stratum.FLAGGED)
    try:
        version = versions.current()
    except ModelError:
        version = None
    limit = version and Thresholds(version).clear_sql(
        "product__", override="analysis__threshold_override"
    )
    if limit is None:
        return flagged if band == "review" else items.none()
    clear = Q(analysis__model_version=version) & Q(analysis__similarity__lt=limit)
    return flagged.filter(clear if band == "clear" else ~clear)
