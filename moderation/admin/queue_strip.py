"""All photos of an item's listing, as the queue shows them below the large one."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.models import ReviewItem


@dataclass(frozen=True)
class StripPhoto:
    """One of them. `is_shown`: large at first, and what a mismatch is said of."""

    number: int
    url: str
    is_shown: bool
    is_misfit: bool


def strip(item: ReviewItem, *, tells: bool) -> list[StripPhoto]:
    """In the listing's order; empty where there is one alone.

    The one that the item was opened for comes first in view, unless what the model says is kept
    back (`tells` is False): then nothing tells which that is.
    """
    asked = item.asks_of.number if tells and item.asks_of else 1
    further = item.analysis.further_photos
    urls = [(1, item.analysis.image_url, True), *((p.number, p.image_url, p.fits) for p in further)]
    photos = [
        StripPhoto(number, url, number == asked, is_misfit=tells and fits is False)
        for number, url, fits in urls
    ]
    return photos if further else []
