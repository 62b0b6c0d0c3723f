"""A frozen data set: labels divided into parts that share no product, and the shop's listings.

- Rows of one group (same product, same or near-duplicate photo, same title:
  `clip.data.grouping`) stand in one part. A group is called after its member that was decided
  first, so that later decisions neither rename nor move it, unless they show that two groups are
  one.
- `gold.csv` holds what two people agree on, and nothing else does. Groups with a gold row, or with
  a judged product that is drawn for gold, give no row to train.csv, validation.csv,
  calibration.csv or listings.csv: their other rows are in test.csv. What is drawn for gold
  or audit and not yet decided is no listing either: it will judge what learns from them.
- The other groups are divided by a hash of their name; `clip.data.partition` says what
  happens to few labels.
- A photo lies in the folder of its part, beside what `imagefolder` says; one that only listings
  show lies in listings/.
- `listings.csv` holds products with their present photo and text that nobody confirmed as a
  mismatch, and that share no group with validation, calibration, test or gold.

Which decisions are labels, `dataset` says.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from moderation.clip.data import grouping, partition

from . import dataset_files
from .dataset import EVERYTHING, DatasetError, Progress, new_folder
from .dataset_manifest import Filters
from .formats.csv import csv_file
from .imagefolder import metadata_file
from .snapshot_manifest import SnapshotManifest
from .snapshot_photos import LISTINGS, give_out, take
from .snapshot_rows import WEIGHT_RULE, labels, listings

MAX_LISTINGS = 50_000
PARTS = (*partition.SHARES, "gold")
_NAMES = (
    *("image_path", "text", "label", "weight", "group", "source", "category", "product_id"),
    *("model_version", "similarity", "p_mismatch", "decided_at", "content_hash", "image_sha256"),
    *("stratum", "picked_by", "in_audit", "sampling_probability", "threshold_used"),
    *("weights_sha256", "verdict", "reason", "wrong_side", "decision_id"),
)
# Those that an export has not.
_OWN = {"weight": "float64", "group": "string", "source": "string"}
_TYPES = {**dataset_files.COLUMNS, **_OWN}
COLUMNS = {name: _TYPES[name] for name in _NAMES}
LISTING_COLUMNS = (
    *("image_path", "text", "category", "similarity", "product_id", "group", "content_hash"),
    "image_sha256",
)

SnapshotRow = dict[str, Any]


def build(
    folder: Path,
    *,
    filters: Filters = EVERYTHING,
    with_images: bool = True,
    seed: int = 0,
    max_listings: int = MAX_LISTINGS,
    progress: Progress | None = None,
) -> SnapshotManifest:
    """Write the parts, listings.csv, their photos and manifest.json into a new folder, or nothing.

    Photos are hard links into the media folder where the disk allows, else copies; without images
    `image_path` is the photo's path in the media folder. `progress` is called with (photos read,
    photos in all). Raises `DatasetError`, `UnknownName`, `PhotosAway`.
    """
    manifest = SnapshotManifest(
        filters, seed, with_images, max_listings, settings.GOLD_SHARE, WEIGHT_RULE
    )
    with new_folder(folder) as unfinished:
        judged = list(labels(filters, manifest))
        if not judged:
            raise DatasetError("No decision gives a label here; decide some items or filter less.")
        offered = listings(filters, manifest, seed=seed, at_most=max_listings)
        signatures = take([*judged, *offered], unfinished, manifest, progress)
        manifest.without_photo = [
            row["product_id"] for row in judged if row["image_sha256"] not in signatures
        ]
        judged = [row for row in judged if row["image_sha256"] in signatures]
        offered = [row for row in offered if row["image_sha256"] in signatures]
        manifest.listings["without_photo"] = manifest.listings["sampled"] - len(offered)
        if not judged:
            raise DatasetError("The photos of all decisions are gone from the media folder.")
        _name_groups([*judged, *offered], signatures)
        _write(unfinished, judged, offered, manifest)
        manifest.write(unfinished)
    return manifest


# ── Groups and parts ──────────────────────────────────────────────────────────────────────────
def _name_groups(rows: Sequence[SnapshotRow], signatures: Mapping[str, np.ndarray]) -> None:
    """Give each row its group: a hash of the group's first row."""
    first = grouping.groups(
        images=[row["image_sha256"] for row in rows],
        signatures=np.stack([signatures[row["image_sha256"]] for row in rows]),
        titles=[row["text"] for row in rows],
        products=[row["product_id"] for row in rows],
    )
    for row, leader in zip(rows, first, strict=True):
        row["group"] = hashlib.sha256(rows[leader]["content_hash"].encode()).hexdigest()[:16]


def _divide(judged: Iterable[SnapshotRow], *, seed: int) -> dict[str, str]:
    """The part of each group of a label."""
    classes: dict[str, set[int]] = {}
    closed: dict[str, str] = {}
    for row in judged:
        # A gold row stands in gold.csv whatever the part; its group's other rows must be kept away.
        found = classes.setdefault(row["group"], set())
        if not row["is_gold"]:
            found.add(row["label"])
        if row["is_drawn"]:
            closed[row["group"]] = "test"
    groups = {name: frozenset(found) for name, found in classes.items()}
    return partition.parts_of(groups, seed=seed, taken=closed)


def _write(
    folder: Path,
    judged: Sequence[SnapshotRow],
    offered: Sequence[SnapshotRow],
    manifest: SnapshotManifest,
) -> None:
    part_of = _divide(judged, seed=manifest.seed)
    parts: dict[str, list[SnapshotRow]] = {name: [] for name in PARTS}
    for row in judged:
        parts["gold" if row["is_gold"] else part_of[row["group"]]].append(row)
    kept = [row for row in offered if part_of.get(row["group"], "train") == "train"]
    if manifest.with_images:
        give_out({**parts, LISTINGS: kept}, folder, manifest)
    for name, rows in parts.items():
        _write_part(folder, name, rows, with_images=manifest.with_images)
        manifest.parts[name] = _counts(rows)
    with csv_file(folder / f"{LISTINGS}.csv", LISTING_COLUMNS) as write:
        for row in kept:
            write(row)
    manifest.listings["in_other_parts"] = len(offered) - len(kept)
    manifest.listings["rows"] = len(kept)


def _write_part(folder: Path, name: str, rows: Sequence[SnapshotRow], *, with_images: bool) -> None:
    mean = sum(row["raw_weight"] for row in rows) / max(1, len(rows))
    with ExitStack() as files:
        writers = [files.enter_context(csv_file(folder / f"{name}.csv", COLUMNS))]
        if rows and with_images:
            writers.append(files.enter_context(metadata_file(folder, COLUMNS, part=name)))
        for row in rows:
            weight = round(row["raw_weight"] / mean, 6)
            for write in writers:
                write({**row, "weight": weight, "in_audit": int(row["in_audit"])})


def _counts(rows: Sequence[SnapshotRow]) -> Counter[str]:
    counts = Counter(matches=0, mismatches=0)
    counts.update("matches" if row["label"] else "mismatches" for row in rows)
    counts.update(f"from_{row['source']}" for row in rows)
    counts["groups"] = len({row["group"] for row in rows})
    return counts
