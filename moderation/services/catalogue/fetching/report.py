"""What became of photos, as rows of a CSV that a spreadsheet opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from moderation.clip.data import spreadsheet
from moderation.models import ProductPhoto

COLUMNS = ("product_id", "photo", "address", "state", "problem", "error", spreadsheet.MARK)


def rows(photos: QuerySet[ProductPhoto]) -> Iterator[dict[str, Any]]:
    """One a photo, counted from 1 within its listing."""
    for photo in photos.select_related("product").order_by("product_id", "position").iterator():
        yield spreadsheet.safe(
            {
                "product_id": photo.product.external_id,
                "photo": photo.position + 1,
                "address": photo.url,
                "state": photo.state,
                "problem": photo.problem,
                "error": photo.error,
            }
        )
