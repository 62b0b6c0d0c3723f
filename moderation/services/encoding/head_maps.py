"""How a version's vectors follow from those of the version whose towers it shares.

Training only the two projections leaves both towers as they were, so a trained vector is a linear
map of the one that was cached before: child = normalise(M @ parent). The trained folder brings the
maps in `head_maps.safetensors`; a version that was only calibrated has the same weights and needs
none.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from moderation.clip.checkpoints.head_maps import FILE_NAME, NAMES, Maps, read
from moderation.clip.errors import ModelError
from moderation.models import ModelVersion

logger = logging.getLogger(__name__)

# Rounding puts a cached vector off by 0.0003 or so; this many times as much changes nothing.
WORST_CONDITION = 30.0
MOST_COUSINS = 8


@dataclass(frozen=True)
class Ancestor:
    """A version, and the map [d, d] of each tower from its vectors; no maps: they are the same."""

    version_id: int
    maps: Maps | None = None

    def apply(self, tower: str, vectors: np.ndarray) -> np.ndarray:
        """Unit vectors [n, d] of the ancestor to those of the version that descends from it."""
        if self.maps is None:
            return vectors
        mapped = vectors @ self.maps[tower].T
        return np.asarray(mapped / np.linalg.norm(mapped, axis=1, keepdims=True))


def lineage(version: ModelVersion) -> tuple[Ancestor, ...]:
    """The version itself, then those whose cached vectors give its own: ancestors, then cousins.

    All that descend from the same towers are of one family. Maps lead from their root to each of
    them; what one has cached of a new product goes back to the root by the inverse, and on. Where a
    version's maps are lost, nothing leads to it: it begins a family of its own.
    Raises `ModelError` for a file of maps that cannot be read.
    """
    found = [Ancestor(version.pk)]
    root, own = _from_root(version)
    if root != version.pk:
        found.append(Ancestor(root, own))
    for other in _descendants(_root(version)):
        if other.pk in (version.pk, root):
            continue
        try:
            start, maps = _from_root(other)
            back = _inverse(maps)
        except (ModelError, np.linalg.LinAlgError):
            continue  # its folder is gone or its maps lose something: its vectors are no help
        if start != root:
            continue  # its maps, or those of one between, are lost
        found.append(Ancestor(other.pk, _compose(own, back)))
    return tuple(found)


def towers_of(version: ModelVersion) -> ModelVersion:
    """The version from whose vectors the maps of one that is trained from this one lead.

    Training composes its maps with those of its base, where the base has them.
    """
    origin = version.vision_of
    if origin is None or version.weights_sha256 == origin.weights_sha256:
        return origin or version
    return origin if read(Path(version.location)) is not None else version


def _descendants(root: int) -> Iterator[ModelVersion]:
    """The newest versions with the towers of this one."""
    children = ModelVersion.objects.exclude(vision_of=None).select_related("vision_of")
    related = (child for child in children.order_by("-pk") if _root(child) == root)
    return islice(related, MOST_COUSINS)


def _root(version: ModelVersion) -> int:
    seen = {version.pk}
    while version.vision_of is not None and version.vision_of_id not in seen:
        version = version.vision_of
        seen.add(version.pk)
    return version.pk


def _from_root(version: ModelVersion) -> tuple[int, Maps | None]:
    """The key of the version that the towers come from, and the maps from its vectors.

    The way ends at a version whose weights differ from its parent's and whose maps are lost.
    """
    maps: Maps | None = None
    seen = {version.pk}
    while (parent := version.vision_of) is not None and parent.pk not in seen:
        if not version.weights_sha256 or version.weights_sha256 != parent.weights_sha256:
            own = read(Path(version.location))
            if own is None:
                _warn_of_lost_maps(version, parent)
                break
            maps = _compose(maps, own)
        seen.add(parent.pk)
        version = parent
    return version.pk, maps


def _warn_of_lost_maps(version: ModelVersion, parent: ModelVersion) -> None:
    logger.warning(
        "%s is gone: the vectors of version %s are computed from scratch instead of following from "
        "those of %s; restore the file to spare that",
        Path(version.location) / FILE_NAME,
        version,
        parent,
    )


def _compose(outer: Maps | None, inner: Maps | None) -> Maps | None:
    """The maps that do `inner` first; lengths need no care, since the last step normalises."""
    if outer is None or inner is None:
        return outer or inner
    return {tower: outer[tower] @ inner[tower] for tower in NAMES}


def _inverse(maps: Maps | None) -> Maps | None:
    """Raises `LinAlgError` where going back would magnify the cache's rounding too much."""
    if maps is None:
        return None
    if any(np.linalg.cond(matrix) > WORST_CONDITION for matrix in maps.values()):
        raise np.linalg.LinAlgError("ill-conditioned")
    return {tower: np.linalg.inv(matrix) for tower, matrix in maps.items()}
