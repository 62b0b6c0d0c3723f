"""A listing's photos after its main one, as an analysis saw them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.core.files.storage import default_storage


@dataclass(frozen=True)
class FurtherPhoto:
    """One of them. `position` counts from the main photo, which is 0.

    `similarity` is that to the text; None where it was not asked for, or the photo could not be
    read. `fits` is None where nothing is said of it.
    """

    position: int
    image: str
    image_sha256: str
    similarity: float | None = None
    fits: bool | None = None

    @property
    def number(self) -> int:
        """Its place as people count: the main photo is 1."""
        return self.position + 1

    @property
    def image_url(self) -> str:
        """The address of its file; empty where that was erased."""
        return default_storage.url(self.image) if self.image else ""

    def as_json(self) -> dict[str, Any]:
        """As an analysis stores it."""
        return asdict(self)


def photos_hash(shas: Iterable[str]) -> str:
    """SHA-256 over the further photos of a listing, in their order; empty where there are none."""
    lines = "\n".join(shas)
    return hashlib.sha256(lines.encode()).hexdigest() if lines else ""
