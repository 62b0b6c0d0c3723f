"""Data that nothing good can be learnt from is refused, with a sentence that says what is wrong."""

from __future__ import annotations

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from moderation.clip.data import grouping
from moderation.clip.errors import ClipError, ImageError
from moderation.clip.finetune.data import FinetuneData, LabelledPairs
from moderation.clip.pictures.images import open_image

MIN_OF_EACH = 20
MAX_UNREADABLE = 0.02


class DataRefused(ClipError):
    """The labelled pairs cannot be trained on; the message says why and what to do."""


def check_counts(data: FinetuneData) -> None:
    """At least 20 matches and 20 mismatches in all, and some of each in the calibration part."""
    parts = {
        "train": data.train,
        "validation": data.validation,
        "calibration": data.calibration,
    }
    labels = np.concatenate([part.labels for part in parts.values()])
    matches, mismatches = int(labels.sum()), int((labels == 0).sum())
    if min(matches, mismatches) < MIN_OF_EACH:
        raise DataRefused(
            f"The data holds {matches} matches and {mismatches} mismatches; at least {MIN_OF_EACH} "
            "of each are needed: decide more items, or add rows to the CSV."
        )
    for name, part in parts.items():
        if len(set(part.labels.tolist())) < 2:
            raise DataRefused(
                f"The {name} part holds no {'matches' if not part.labels.any() else 'mismatches'}; "
                "each part needs both, so decide more items or divide the data again."
            )


def check_leakage(parts: dict[str, LabelledPairs]) -> None:
    """No picture (by its bytes) and no group may stand in two parts."""
    hashes = {name: picture_hashes(part) for name, part in parts.items()}
    for one, two in itertools.combinations(parts, 2):
        shared = set(hashes[one]) & set(hashes[two])
        if shared:
            example = parts[one].images[next(i for i, h in enumerate(hashes[one]) if h in shared)]
            raise DataRefused(
                f"{len(shared)} pictures stand in both the {one} and the {two} part (such as "
                f"{example.name}); put all rows of a picture in one part, or exclude "
                "the second file to have the first divided."
            )
        groups = {group for group in parts[one].groups if group} & set(parts[two].groups)
        if groups:
            row = next(i for i, group in enumerate(parts[one].groups) if group in groups)
            raise DataRefused(
                f"{len(groups)} groups stand in both the {one} and the {two} part (same or nearly "
                f"the same picture, same title or same `group`; such as that of "
                f"“{parts[one].texts[row]}”); put all rows of a group in one part."
            )


def with_readable_pictures(
    pairs: LabelledPairs, *, name: str
) -> tuple[LabelledPairs, np.ndarray, str]:
    """The pairs whose picture can be opened, the pictures' signatures [m, 768] (see `grouping`),
    and a note on the pairs that were skipped; over 2% of them are refused."""
    unique = list(dict.fromkeys(pairs.images))
    with ThreadPoolExecutor() as pool:
        found = dict(zip(unique, pool.map(_signature, unique), strict=True))
    broken = {path: error for path, error in found.items() if isinstance(error, ImageError)}
    bad = [i for i, path in enumerate(pairs.images) if path in broken]
    if len(bad) > MAX_UNREADABLE * len(pairs):
        raise DataRefused(
            f"{len(bad)} of {len(pairs)} images of {name} cannot be read, more than "
            f"{MAX_UNREADABLE:.0%}; the first: {broken[pairs.images[bad[0]]]} Where paths start in "
            "another folder than the CSV's, name it with --image-base-path."
        )
    kept = pairs.take(np.setdiff1d(np.arange(len(pairs)), bad))
    signatures = np.array([found[path] for path in kept.images], dtype=np.uint8)
    plural = "row was" if len(bad) == 1 else "rows were"
    note = f"{len(bad)} {plural} left out of {name}: the image cannot be read." if bad else ""
    return kept, signatures, note


def picture_hashes(pairs: LabelledPairs) -> list[str]:
    """SHA-256 (hex) of each pair's picture file."""
    found = {path: picture_sha256(path) for path in dict.fromkeys(pairs.images)}
    return [found[path] for path in pairs.images]


def picture_sha256(path: Path) -> str:
    """SHA-256 (hex) of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _signature(path: Path) -> np.ndarray | ImageError:
    try:
        return grouping.signature(open_image(path, shortest_edge=grouping.SIDE))
    except ImageError as error:
        return error
