"""A part of the queue, as it stands in an address: `category=3&seller=smith&older=2d`.

Some fields tell what the model said (`band`, `reason=flagged`) or which version said it, which the
page of a blind item keeps back: who is handed a blind item under `band=clear` would know its score.
So these fields leave blind items out. The others say only what the page shows anyway (category,
seller, that the listing changed, how long it waits) or what moderators did (skipped it), and keep
them in. The blind items of two such filters never differ by what the model said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from moderation.clip.errors import ModelError
from moderation.models import Category, ModelVersion, ReviewItem, Skip
from moderation.models.querysets import ReviewItemQuerySet

from ..queries import cache
from ..registry import versions
from ..rules.thresholds import Thresholds

BANDS = {"review": "Flagged, not clearly", "clear": "Clear mismatches"}
REASONS = {
    "flagged": "Flagged by the model",
    "reopened": "Decided before, then changed",
    "skipped": "Skipped by somebody",
}
_LARGEST_KEY = 2**63 - 1
_UNITS = {"h": "hours", "d": "days"}
_MOST = {"h": 24 * 3650, "d": 3650}
_LONGEST_SELLER = 100
_FEW = 1000
_LONG_FOR_A_PAGE = 0.15  # seconds
_FEW_CACHED = timedelta(minutes=1)


class QueueFilterError(ValueError):
    """A value that is no filter; `str(error)` is a sentence, `field` the name in the address."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


@dataclass(frozen=True)
class QueueFilter:
    """What an item must be; an empty field asks for nothing."""

    band: str = ""
    category: int | None = None
    seller: str = ""
    reason: str = ""
    version: int | None = None
    older: str = ""  # such as 12h or 3d

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> QueueFilter:
        """The filter of an address; names that are none of its own are left alone.

        Raises `QueueFilterError`.
        """
        given = {
            one.name: value for one in fields(cls) if (value := query.get(one.name, "").strip())
        }
        return cls(
            band=_one_of("band", given, BANDS),
            category=_key("category", given),
            seller=_seller(given),
            reason=_one_of("reason", given, REASONS),
            version=_key("version", given),
            older=_older(given),
        )

    @property
    def query(self) -> str:
        """The filter as it stands in an address; the same for the same filter."""
        chosen = ((one.name, getattr(self, one.name)) for one in fields(self))
        return urlencode([(name, value) for name, value in chosen if value not in ("", None)])

    @property
    def is_empty(self) -> bool:
        """Whether it is the whole queue."""
        return self == QueueFilter()

    @property
    def tells_of_the_model(self) -> bool:
        """Whether to be in it says what the model said, or which one; see above."""
        return bool(self.band or self.version is not None or self.reason == "flagged")

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

    @property
    def asks_for_analyses(self) -> bool:
        """Whether an item alone does not tell if it is let through."""
        return bool(self.band or self.version is not None)

    def matching(self, items: ReviewItemQuerySet) -> ReviewItemQuerySet:
        """Those of `items` that it lets through."""
        if self.tells_of_the_model:
            items = items.in_the_open()
        if self.category is not None:
            items = items.filter(product__category_id=self.category)
        if self.seller:
            items = items.filter(product__seller=self.seller)
        if self.version is not None:
            items = items.filter(analysis__model_version_id=self.version)
        if self.older:
            items = items.filter(opened_at__lte=timezone.now() - _span(self.older))
        if self.reason == "flagged":
            items = items.filter(stratum=ReviewItem.Stratum.FLAGGED)
        elif self.reason == "reopened":
            # Not by its stratum, which says that the model did not flag it.
            items = items.filter(reopens__isnull=False)
        elif self.reason == "skipped":
            items = items.filter(Exists(Skip.objects.filter(item=OuterRef("pk"))))
        return _in_band(items, self.band) if self.band else items

    @property
    def words(self) -> str:
        """The filter for people."""
        parts = [BANDS[self.band]] if self.band else []
        if self.category is not None:
            name = Category.objects.filter(pk=self.category).values_list("name", flat=True).first()
            parts.append(name or "A category that is gone")
        if self.seller:
            parts.append(f"Seller {self.seller}")
        if self.reason:
            parts.append(REASONS[self.reason])
        if self.version is not None:
            known = ModelVersion.objects.filter(pk=self.version).values_list("name", flat=True)
            parts.append(f"Scored by {known.first() or 'a version that is gone'}")
        if self.older:
            number, unit = int(self.older[:-1]), _UNITS[self.older[-1]]
            parts.append(f"Waiting {number} {unit if number != 1 else unit[:-1]} or longer")
        return " · ".join(parts) or "The whole queue"


def _one_of(field: str, given: Mapping[str, str], known: Mapping[str, str]) -> str:
    value = given.get(field, "")
    if value and value not in known:
        raise QueueFilterError(
            field, f"There is no {field} “{value[:40]}”; choose one of: {', '.join(known)}."
        )
    return value


def _key(field: str, given: Mapping[str, str]) -> int | None:
    value = given.get(field)
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()) or not 0 < int(value) <= _LARGEST_KEY:
        raise QueueFilterError(field, f"The {field} is “{value[:40]}”; it must be a number.")
    return int(value)


def _seller(given: Mapping[str, str]) -> str:
    value = given.get("seller", "")
    if len(value) > _LONGEST_SELLER or "\0" in value:
        raise QueueFilterError("seller", "No seller has this name; it is too long or unreadable.")
    return value


def _older(given: Mapping[str, str]) -> str:
    value = given.get("older", "").lower()
    found = re.fullmatch(r"([0-9]{1,6})([hd])", value)
    if value and (found is None or not 0 < int(found[1]) <= _MOST[found[2]]):
        raise QueueFilterError(
            "older", f"“{value[:40]}” is no age; write hours or days, such as 12h or 3d."
        )
    return f"{int(found[1])}{found[2]}" if found else ""


def _span(older: str) -> timedelta:
    return timedelta(**{_UNITS[older[-1]]: int(older[:-1])})


# ── Bands ─────────────────────────────────────────────────────────────────────────────────────
def _in_band(items: ReviewItemQuerySet, band: str) -> ReviewItemQuerySet:
    """Flagged items that are clear mismatches, or those that are not.

    As the automatic action sees it: a band is warranted for the version that answers now.
    """
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
