"""What was drawn and judged, by week and by the way into the queue, as strata of the audit.

All counts come from review items and their decisions, never from the catalogue: every flagged
product has an item, and of what passed the drawn stand for 1 / p each, so a million products cost
no more than their items (index `review_by_week`). "Cannot be told from the photo" counts as not
judged. Second opinions are excluded: they would count a product twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Count, F
from django.db.models.functions import TruncWeek

from moderation.clip.statistics.audit_estimate import Stratum
from moderation.models import Decision, ReviewItem

from ..rules import sampling

# A part of the passed with nothing judged is estimated from the others up to this size.
_NEGLIGIBLE = 0.05


@dataclass(frozen=True)
class Key:
    """A group of items: of one week, with one way into the queue."""

    week: date
    flagged: bool
    probability: float


@dataclass
class Counts:
    """Items of a group, and what was judged of them blind."""

    items: int = 0
    judged: int = 0
    mismatches: int = 0


def groups_since(since: datetime) -> dict[Key, Counts]:
    """All that came into the queue since then and did not leave it undecided."""
    groups: dict[Key, Counts] = {}

    def at(row: Mapping[str, Any]) -> Counts:
        is_flagged = row["entered"] == ReviewItem.Stratum.FLAGGED
        return groups.setdefault(Key(row["week"].date(), is_flagged, row["share"]), Counts())

    items = (
        ReviewItem.objects.filter(opened_at__gte=since, second_of=None)
        .exclude(state=ReviewItem.State.WITHDRAWN)
        .exclude(stratum__in=sampling.BY_NO_DRAW)
        .order_by()
        .annotate(week=TruncWeek("opened_at"), share=F("sampling_probability"))
        .values("week", "share", entered=F("stratum"))
        .annotate(count=Count("pk"))
    )
    for row in items:
        at(row).items += row["count"]
    decisions = (
        Decision.objects.labels()
        .by_people()
        .filter(item__opened_at__gte=since, item__second_of=None, item__in_audit=True)
        .order_by()
        .annotate(week=TruncWeek("item__opened_at"), share=F("item__sampling_probability"))
        .values("week", "share", "verdict", entered=F("item__stratum"))
        .annotate(count=Count("pk"))
    )
    for row in decisions:
        at(row).judged += row["count"]
        at(row).mismatches += row["count"] if row["verdict"] == Decision.Verdict.CONFIRM else 0
    return groups


def of_weeks(groups: dict[Key, Counts], weeks: Sequence[date]) -> dict[Key, Counts]:
    """The groups of these weeks."""
    return {key: counts for key, counts in groups.items() if key.week in weeks}


def strata_of(groups: dict[Key, Counts]) -> list[Stratum]:
    """One stratum for the flagged, one for each probability by which what passed was drawn."""
    total: dict[tuple[bool, float], Counts] = {}
    for key, counts in groups.items():
        entry = total.setdefault((key.flagged, key.probability), Counts())
        entry.items += counts.items
        entry.judged += counts.judged
        entry.mismatches += counts.mismatches
    return [_flagged(total), *_merged(total)]


def _flagged(total: dict[tuple[bool, float], Counts]) -> Stratum:
    parts = [counts for (is_flagged, _), counts in total.items() if is_flagged]
    return Stratum(
        flagged=True,
        judged=sum(part.judged for part in parts),
        mismatches=sum(part.mismatches for part in parts),
        size=sum(part.items for part in parts),
    )


def _merged(total: dict[tuple[bool, float], Counts]) -> Iterable[Stratum]:
    """The strata of what passed; a negligible one with nothing judged is put to the largest."""
    parts = sorted(
        ((share, counts) for (is_flagged, share), counts in total.items() if not is_flagged),
        key=lambda part: -part[1].items / part[0],
    )
    everything = sum(counts.items / share for share, counts in parts)
    lone = [
        (share, counts)
        for share, counts in parts[1:]
        if not counts.judged and counts.items / share < _NEGLIGIBLE * everything
    ]
    for number, (share, counts) in enumerate(part for part in parts if part not in lone):
        drawn, size = counts.items, counts.items / share
        if number == 0:
            drawn += sum(other.items for _, other in lone)
            size += sum(other.items / other_share for other_share, other in lone)
        yield Stratum(
            flagged=False,
            judged=counts.judged,
            mismatches=counts.mismatches,
            drawn=drawn,
            probability=drawn / size,
        )
