"""What a snapshot says of itself: how it was divided, what was excluded, hashes of every file."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moderation.clip.data import grouping, partition

from . import imagefolder
from .dataset_manifest import Filters, sha256_of

FORMAT_VERSION = 1


@dataclass
class SnapshotManifest:
    """Counts and hashes; `as_json` holds no clock, so the same decisions give the same bytes."""

    filters: Filters
    seed: int
    with_images: bool
    max_listings: int
    gold_share: float
    weight_rule: str
    active_model: str = ""
    # Part -> what its rows are: "matches", "mismatches", "groups" and one entry for each source.
    parts: dict[str, Counter[str]] = field(default_factory=dict)
    listings: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    without_photo: list[str] = field(default_factory=list)
    images: set[str] = field(default_factory=set)
    files: dict[str, str] = field(default_factory=dict)
    sha256: str = ""

    @property
    def rows(self) -> int:
        """Labelled rows in all parts."""
        return sum(part["matches"] + part["mismatches"] for part in self.parts.values())

    def write(self, folder: Path) -> None:
        """Hash the files of the finished folder and write manifest.json beside them."""
        for path in sorted([*folder.glob("*.csv"), *folder.glob(f"*/{imagefolder.FILE}")]):
            self.files[path.relative_to(folder).as_posix()] = sha256_of(path)
        about = json.dumps(self.as_json(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        (folder / "manifest.json").write_text(about, encoding="utf-8")
        self.sha256 = hashlib.sha256(about.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        names = "".join(f"{name}\n" for name in sorted(self.images))
        return {
            "format": "clipmod snapshot",
            "format_version": FORMAT_VERSION,
            "filters": self.filters.as_json(),
            "seed": self.seed,
            "groups": f"same product; {grouping.RULE}",
            "shares": partition.SHARES,
            "gold_share": self.gold_share,
            "weights": self.weight_rule,
            "active_model": self.active_model,
            "parts": {name: dict(sorted(counts.items())) for name, counts in self.parts.items()},
            "listings": {"at_most": self.max_listings, **self.listings},
            "left_out": dict(self.left_out),
            "left_out_without_photo": self.without_photo,
            "files": self.files,
            "images": {
                "included": self.with_images,
                "count": len(self.images),
                # Each name holds the SHA-256 of its file, so this vouches for the photos too.
                "sha256_of_sorted_names": hashlib.sha256(names.encode()).hexdigest(),
            },
        }
