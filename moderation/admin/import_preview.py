"""The first listings of an upload as the page shows them, photos of files as small pictures in it.

So there is no address at which somebody else's upload could be looked at.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlsplit

from django.conf import settings

from moderation.clip.data.tables.encodings import printable
from moderation.clip.errors import ImageError
from moderation.clip.pictures.images import Source, open_image
from moderation.services.catalogue.preview import Previewed

_EDGE = 192  # pixels: twice what is shown, for fine screens
_TEXT_AT_MOST = 300


@dataclass(frozen=True)
class Card:
    """A listing with its photo as the page holds it; `host` is where one by address lies."""

    listing: Previewed
    picture: str
    host: str
    file: str

    @property
    def text(self) -> str:
        text = self.listing.text
        return text if len(text) <= _TEXT_AT_MOST else f"{text[:_TEXT_AT_MOST]}…"


def card(listing: Previewed) -> Card:
    parts = urlsplit(listing.address)
    return Card(
        listing,
        picture=data_address(small(listing.path)) if listing.path else "",
        host=parts.hostname or "",
        file=printable(parts.path.rpartition("/")[2])[:80],
    )


def small(source: Source) -> bytes:
    """A small JPEG of a photo; nothing of what is no picture, or none any more."""
    try:
        image = open_image(source, shortest_edge=_EDGE, max_pixels=settings.MAX_IMAGE_PIXELS)
    except (ImageError, OSError):
        return b""
    image.thumbnail((_EDGE, _EDGE))
    written = BytesIO()
    image.save(written, "JPEG", quality=80)
    return written.getvalue()


def data_address(jpeg: bytes) -> str:
    """The picture itself as an address; "" where there is none."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""
