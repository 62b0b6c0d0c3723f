"""The photos of a snapshot: read and looked at once, then each put into the folder of its part."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip.data import grouping
from moderation.clip.errors import ImageError
from moderation.clip.pictures import images

from ..rules import many_photos, photos, photos_away
from .dataset import Progress
from .snapshot_manifest import SnapshotManifest

LISTINGS = "listings"  # the part whose rows are no labels
_EVERY = 100

Row = dict[str, Any]


def take(
    rows: Sequence[Row],
    folder: Path,
    manifest: SnapshotManifest,
    progress: Progress | None,
) -> dict[str, np.ndarray]:
    """The signature of each photo that is still the one that was judged, by its SHA-256."""
    wanted = {row["image_sha256"]: row["image"] for row in rows}

    def taken(photo: tuple[str, str]) -> np.ndarray | None:
        return _photo(*photo, folder=folder if manifest.with_images else None)

    signatures: dict[str, np.ndarray] = {}
    with ThreadPoolExecutor(many_photos.threads()) as pool:
        for done, (sha256, found) in enumerate(
            zip(wanted, pool.map(taken, wanted.items()), strict=True), 1
        ):
            if found is not None:
                signatures[sha256] = found
            if progress and (done % _EVERY == 0 or done == len(wanted)):
                progress(done, len(wanted))
    photos_away.check_names(name for sha256, name in wanted.items() if sha256 not in signatures)
    for row in rows:
        row["image_path"] = row["image"]
        if manifest.with_images and row["image_sha256"] in signatures:
            row["image_path"] = _name(row["image_sha256"], wanted[row["image_sha256"]])
    return signatures


def _photo(sha256: str, image: str, *, folder: Path | None) -> np.ndarray | None:
    try:
        data = photos.read(image)
        if hashlib.sha256(data).hexdigest() != sha256:
            return None
        found = grouping.signature(images.open_image(data, shortest_edge=grouping.SIDE))
    except (OSError, ImageError):
        return None
    if folder is not None:
        copy = folder / _name(sha256, image)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not photos.link(image, copy):
            copy.write_bytes(data)
    return found


def _name(sha256: str, image: str) -> str:
    return f"images/{sha256[:2]}/{sha256}{Path(image).suffix}"


def give_out(parts: Mapping[str, Iterable[Row]], folder: Path, manifest: SnapshotManifest) -> None:
    """Each photo from images/ into the folder of its part; gold and test may share one."""
    lies: dict[str, str] = {}
    for part, rows in parts.items():
        for row in rows:
            name = row["image_path"]
            place = f"{part}/{name}"
            if part == LISTINGS:  # a match in train may be a listing, too
                place = lies.get(name, place)
            row["image_path"] = lies[name] = place
            if place not in manifest.images:
                manifest.images.add(place)
                _put(folder / name, folder / place)
    shutil.rmtree(folder / "images")


def _put(photo: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.hardlink_to(photo)
    except OSError:
        shutil.copyfile(photo, place)
