"""Prevalence, precision and recall of the whole present catalogue: one answer for every page.

The catalogue is read once for all of them. Each week is read anew with it: what is found of an old
one moves too, whenever one of its products is decided, scored again, changed or withdrawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from moderation.clip.statistics.catalogue_estimate import CatalogueEstimate, estimate
from moderation.clip.statistics.cells import Cell, cells_of

from ..queries import cache
from . import present

_NAME = "catalogue"
_OF_NOTHING_ELSE: list[Any] = []
# Scores are distances to the threshold of each product.
AT_THEIR_THRESHOLDS = 0.0
WEEKS = 26


@dataclass(frozen=True)
class Catalogue:
    """Every present product, as it is flagged now: the figures, and what its last weeks held."""

    overall: CatalogueEstimate
    weeks: Mapping[date, present.Reading]  # by their mondays; the last `WEEKS`


def catalogue() -> cache.Entry[Catalogue]:
    """As it is now; of a large one some minutes old."""
    return cache.entry(_NAME, _OF_NOTHING_ELSE, _find)


def overall() -> CatalogueEstimate:
    """The figures of the whole catalogue."""
    return catalogue().value.overall


def prepare_catalogue() -> None:
    """In the worker: so that no page waits for it."""
    cache.prepare(_NAME, _OF_NOTHING_ELSE, _find)


def _find() -> Catalogue:
    weeks = present.by_week()
    since = timezone.localdate() - timedelta(weeks=WEEKS)
    return Catalogue(
        overall=estimate(cells(present.whole(weeks.values()))),
        weeks={start: reading for start, reading in weeks.items() if start > since},
    )


def cells(reading: present.Reading) -> list[Cell]:
    """The cells of a reading by week, or of several."""
    return cells_of(reading.listings, reading.answers, threshold=AT_THEIR_THRESHOLDS)
