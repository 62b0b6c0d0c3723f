"""Vectors for a training out of the cache that the catalogue was scored with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moderation.clip.errors import ImageError
from moderation.clip.finetune.refusals import picture_sha256
from moderation.models import ModelVersion

from ..encoding import embeddings
from ..encoding.engine import engine_for


class CachedVectors:
    """The `Vectors` of a version: what the shop's analyses have encoded is not encoded again.

    A fresh vector is rounded as a cached one is, so a training does not depend on the cache.
    """

    def __init__(self, version: ModelVersion) -> None:
        self.version = version

    def images(self, paths: Sequence[Path]) -> np.ndarray:
        """Unit vectors of these files, float32 [n, d]. Raises `ImageError`."""
        hashes = [picture_sha256(path) for path in paths]
        pairs = list(zip(hashes, paths, strict=True))
        found = embeddings.image_vectors(engine_for(self.version), pairs)
        return np.stack([_usable(found[sha]) for sha in hashes])

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Unit vectors of these texts, float32 [n, d]."""
        found = embeddings.text_vectors(engine_for(self.version), texts)
        return np.stack([found[text] for text in texts])


def _usable(vector: np.ndarray | ImageError) -> np.ndarray:
    if isinstance(vector, ImageError):
        raise vector
    return vector
