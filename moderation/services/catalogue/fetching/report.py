"""What became of photos, as rows of a CSV that a spreadsheet opens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet

from moderation.clip.data import spreadsheet
from moderation.models import ProductPhoto

from ...queries.streamed import streamed

COLUMNS = ("product_id", "photo", "address", "state", "problem", "error", spreadsheet.MARK)


@contextmanager
def rows(photos: QuerySet[ProductPhoto]) -> Iterator[Iterator[dict[str, Any]]]:
    """One a photo, counted from 1 within its listing."""
    listed = photos.select_related("product").order_by("product_id", "position")
    with streamed(listed) as found:
        yield map(_row, found)


def _row(photo: ProductPhoto) -> dict[str, Any]:
    return spreadsheet.safe(
        {
            "product_id": photo.product.external_id,
            "photo": photo.position + 1,
            "address": photo.url,
            "state": photo.state,
            "problem": photo.problem,
            "error": photo.error,
        }
    )
