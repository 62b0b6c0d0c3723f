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
- `listings.csv` holds products with their present photo and text that nobody confirmed as a
  mismatch, and that share no group with validation, calibration, test or gold.

Which decisions are labels, `dataset` says.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from moderation.clip.data import grouping, partition
from moderation.clip.errors import ImageError
from moderation.clip.pictures import images

from ..rules import photos
from .dataset import EVERYTHING, DatasetError, Progress, new_folder
from .dataset_manifest import Filters
from .formats.csv import csv_file
from .snapshot_manifest import SnapshotManifest
from .snapshot_rows import WEIGHT_RULE, labels, listings

MAX_LISTINGS = 50_000
PARTS = (*partition.SHARES, "gold")
COLUMNS = (
    *("image_path", "text", "label", "weight", "group", "source", "category", "product_id"),
    *("model_version", "similarity", "p_mismatch", "decided_at", "content_hash", "image_sha256"),
    *("stratum", "picked_by", "in_audit", "sampling_probability", "threshold_used"),
    *("weights_sha256", "verdict", "reason", "wrong_side", "decision_id"),
)
LISTING_COLUMNS = (
    *("image_path", "text", "category", "similarity", "product_id", "group", "content_hash"),
    "image_sha256",
)

_EVERY = 100

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
    """Write the parts, listings.csv, images/ and manifest.json into a new folder, or nothing.

    Photos are hard links into the media folder where the disk allows, else copies; without images
    `image_path` is the photo's path in the media folder. `progress` is called with (photos read,
    photos in all). Raises `DatasetError`, `UnknownName`.
    """
    manifest = SnapshotManifest(
        filters, seed, with_images, max_listings, settings.GOLD_SHARE, WEIGHT_RULE
    )
    with new_folder(folder) as unfinished:
        judged = list(labels(filters, manifest))
        if not judged:
            raise DatasetError("No decision gives a label here; decide some items or filter less.")
        offered = listings(filters, manifest, seed=seed, at_most=max_listings)
        signatures = _photos([*judged, *offered], unfinished, manifest, progress)
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


# ── Photos ────────────────────────────────────────────────────────────────────────────────────
def _photos(
    rows: Sequence[SnapshotRow],
    folder: Path,
    manifest: SnapshotManifest,
    progress: Progress | None,
) -> dict[str, np.ndarray]:
    """The signature of each photo that is still the one that was judged, by its SHA-256."""
    wanted = {row["image_sha256"]: row["image"] for row in rows}

    def take(photo: tuple[str, str]) -> np.ndarray | None:
        return _photo(*photo, folder=folder if manifest.with_images else None)

    signatures: dict[str, np.ndarray] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, (sha256, found) in enumerate(
            zip(wanted, pool.map(take, wanted.items()), strict=True), 1
        ):
            if found is not None:
                signatures[sha256] = found
            if progress and (done % _EVERY == 0 or done == len(wanted)):
                progress(done, len(wanted))
    for row in rows:
        row["image_path"] = row["image"]
        if manifest.with_images and row["image_sha256"] in signatures:
            row["image_path"] = _name(row["image_sha256"], wanted[row["image_sha256"]])
            manifest.images.add(row["image_path"])
    return signatures


def _photo(sha256: str, image: str, *, folder: Path | None) -> np.ndarray | None:
    try:
        data = photos.read(image)
        if hashlib.sha256(data).hexdigest() != sha256:
            return None
        found = grouping.signature(images.open_image(data, shortest_edge=grouping.SIDE))
    except (FileNotFoundError, PermissionError, ImageError):
        return None
    if folder is not None:
        copy = folder / _name(sha256, image)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not photos.link(image, copy):
            copy.write_bytes(data)
    return found


def _name(sha256: str, image: str) -> str:
    return f"images/{sha256[:2]}/{sha256}{Path(image).suffix}"


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
    for name, rows in parts.items():
        mean = sum(row["raw_weight"] for row in rows) / max(1, len(rows))
        with csv_file(folder / f"{name}.csv", COLUMNS) as write:
            for row in rows:
                weight = round(row["raw_weight"] / mean, 6)
                write({**row, "weight": weight, "in_audit": int(row["in_audit"])})
        manifest.parts[name] = _counts(rows)
    kept = [row for row in offered if part_of.get(row["group"], "train") == "train"]
    with csv_file(folder / "listings.csv", LISTING_COLUMNS) as write:
        for row in kept:
            write(row)
    manifest.listings["in_other_parts"] = len(offered) - len(kept)
    manifest.listings["rows"] = len(kept)


def _counts(rows: Sequence[SnapshotRow]) -> Counter[str]:
    counts = Counter(matches=0, mismatches=0)
    counts.update("matches" if row["label"] else "mismatches" for row in rows)
    counts.update(f"from_{row['source']}" for row in rows)
    counts["groups"] = len({row["group"] for row in rows})
    return counts
