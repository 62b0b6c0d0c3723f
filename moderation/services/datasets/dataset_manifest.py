"""What an export says of itself: the filters that chose its rows, counts and hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import imagefolder

FORMAT_VERSION = 1
WEIGHT_RULE = (
    "for how many products of the present catalogue the label stands: the size of its cell, "
    "divided by its labels that were given by lot; 0 for what was judged for another reason or "
    "is not shown any more. A cell is what was drawn alike and is flagged, or not; one that was "
    "judged as a whole is counted."
)


def utc_text(moment: datetime) -> str:
    """A moment in UTC, ISO 8601."""
    return moment.astimezone(UTC).isoformat()


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Filters:
    """Which decisions to export; None means all. `until` itself is not included."""

    since: datetime | None = None
    until: datetime | None = None
    category: str | None = None
    model: str | None = None
    verdict: str | None = None
    decision_ids: tuple[int, ...] | None = None

    def as_json(self) -> dict[str, Any]:
        """The filters in use, as the manifest names them."""
        values = {
            "since": self.since and utc_text(self.since),
            "until": self.until and utc_text(self.until),
            "category": self.category,
            "model": self.model,
            "verdict": self.verdict,
            "decision_ids": self.decision_ids and sorted(self.decision_ids),
        }
        return {name: value for name, value in values.items() if value is not None}


@dataclass
class Manifest:
    """What was exported; no clock, so the same decisions and catalogue give the same bytes."""

    filters: Filters
    label_file: str
    with_images: bool
    products: int = 0  # of the present catalogue, that the labels stand for
    without_weights: str = ""  # why they do not yet
    label_sha256: str = ""
    metadata_sha256: str = ""  # of what imagefolder reads; only with images
    matches: int = 0
    mismatches: int = 0
    unclear: int = 0
    # Product ids whose photo is gone from the media folder, or no longer the one that was judged.
    without_photo: list[str] = field(default_factory=list)
    images: set[str] = field(default_factory=set)

    @property
    def rows(self) -> int:
        return self.matches + self.mismatches

    def as_json(self) -> dict[str, Any]:
        names = "".join(f"{name}\n" for name in sorted(self.images))
        return {
            "format": "clipmod labels",
            "format_version": FORMAT_VERSION,
            "filters": self.filters.as_json(),
            "labels": {"file": self.label_file, "sha256": self.label_sha256},
            "imagefolder": {"file": imagefolder.FILE, "sha256": self.metadata_sha256}
            if self.with_images
            else None,
            "analysis_weight": {
                "meaning": WEIGHT_RULE,
                "products": self.products,
                "unknown": self.without_weights,
            },
            "counts": {
                "rows": self.rows,
                "matches": self.matches,
                "mismatches": self.mismatches,
                "left_out_unclear": self.unclear,
                "left_out_without_photo": len(self.without_photo),
            },
            "left_out_without_photo": self.without_photo,
            "images": {
                "included": self.with_images,
                "count": len(self.images),
                # Each name holds the SHA-256 of its file, so this vouches for the photos too.
                "sha256_of_sorted_names": hashlib.sha256(names.encode()).hexdigest(),
            },
        }
