"""Prevalence, precision and recall of the whole present catalogue: one answer for every page."""

from __future__ import annotations

from typing import Any

from moderation.clip.statistics.catalogue_estimate import CatalogueEstimate, estimate
from moderation.clip.statistics.cells import Cell, cells_of

from ..queries import cache
from . import present

_NAME = "present-catalogue"
_OF_NOTHING_ELSE: list[Any] = []
# Scores are distances to the threshold of each product.
AT_THEIR_THRESHOLDS = 0.0


def overall() -> cache.Entry[CatalogueEstimate]:
    """Of every present product, as it is flagged now; of a large catalogue some minutes old."""
    return cache.entry(_NAME, _OF_NOTHING_ELSE, _find)


def prepare_overall() -> None:
    """In the worker: so that no page waits for it."""
    cache.prepare(_NAME, _OF_NOTHING_ELSE, _find)


def _find() -> CatalogueEstimate:
    return estimate(cells(present.whole(present.by_week().values())))


def cells(reading: present.Reading) -> list[Cell]:
    """The cells of a reading by week, or of several."""
    return cells_of(reading.listings, reading.answers, threshold=AT_THEIR_THRESHOLDS)
