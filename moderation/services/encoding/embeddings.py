"""Vectors that were computed once: a photo or a text is encoded once per model and arithmetic.

What a row calls `precision` is who computed it, and in which precision (`Encoder.arithmetic`): the
vectors of two backends, or of two precisions, are never compared with each other.

A version that shares its towers with another needs no encoding of what the other has seen: its
vectors are mapped from the cached ones (`head_maps`). They are not stored again, since the map
costs less than reading a row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from django.db.models import QuerySet

from moderation.clip.configuration import AUTO, COMPUTES, arithmetic, arithmetics
from moderation.clip.errors import ImageError
from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Embedding, ModelVersion

from ..queries.one_parameter import among
from ..rules import many_photos, photos_away
from . import backend_choice
from .head_maps import Ancestor, lineage

if TYPE_CHECKING:
    from moderation.clip.encoder import ImageSource

    from .engine import Engine


def text_sha256(text: str, *, preparation: str = PREPARATION) -> str:
    """The cache's key of a text: a vector is of what the present preparation reads of it."""
    return hashlib.sha256(f"{preparation}\n{text}".encode()).hexdigest()


def former_keys(text: str) -> list[str]:
    """Under which former releases cached a vector of this text: preparations are counted up."""
    return [text_sha256(text, preparation=str(number)) for number in range(1, int(PREPARATION))]


def cached(tower: str, hashes: Sequence[str]) -> QuerySet[Embedding]:
    """The vectors of these photos or texts, of whichever version: found along the index."""
    rows = Embedding.objects.filter(among("content_hash", hashes), tower=tower)
    versions = ModelVersion.objects.values_list("pk", flat=True)
    return rows.filter(model_version__in=list(versions), precision__in=arithmetics())


@dataclass(frozen=True)
class Known:
    """What can be had of a version without encoding anything, in one arithmetic."""

    ancestors: tuple[Ancestor, ...]
    precision: str

    @classmethod
    def of(cls, version: ModelVersion) -> Known:
        """What the cache knows of this version; no model is loaded. Raises `ModelError`."""
        ancestors = lineage(version)
        backend, precision = backend_choice.way(version)
        if precision == AUTO and backend == "torch":
            return cls(ancestors, _stored_by_torch(ancestors))
        return cls(ancestors, arithmetic(backend, "fp32" if precision == AUTO else precision))

    def matrix(self, tower: str, hashes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Float32 unit vectors [n, d] for `hashes`, and which of them are known, bool [n].

        The rows of the others are zero; d is 0 where none is known.
        """
        index = {sha: number for number, sha in enumerate(dict.fromkeys(hashes))}
        there = np.zeros(len(index), dtype=bool)
        unique = np.zeros((len(index), 0), dtype=np.float32)
        for ancestor in self.ancestors:
            missing = [sha for sha, number in index.items() if not there[number]]
            if not missing:
                break
            stored = self._stored(ancestor, tower, missing)
            if not stored:
                continue
            rows = [index[sha] for sha, _ in stored]
            found = ancestor.apply(tower, _unpack([vector for _, vector in stored]))
            if not unique.shape[1]:
                unique = np.zeros((len(index), found.shape[1]), dtype=np.float32)
            unique[rows], there[rows] = found, True
        places = [index[sha] for sha in hashes]
        return unique[places], there[places]

    def find(self, tower: str, hashes: Sequence[str]) -> dict[str, np.ndarray]:
        """Those of `hashes` that are known, with their unit vectors [d]."""
        vectors, there = self.matrix(tower, hashes)
        return {sha: vectors[row] for row, sha in enumerate(hashes) if there[row]}

    def _stored(
        self, ancestor: Ancestor, tower: str, hashes: list[str]
    ) -> list[tuple[str, bytes | memoryview]]:
        rows = Embedding.objects.filter(
            among("content_hash", hashes),
            model_version_id=ancestor.version_id,
            tower=tower,
            precision=self.precision,
        )
        return list(rows.values_list("content_hash", "vector"))


def _stored_by_torch(ancestors: Sequence[Ancestor]) -> str:
    """The precision that the newest of the nearest cached vectors have; empty where torch has none.

    Which one `auto` means on this machine only torch could tell, and it takes seconds to load.
    """
    for ancestor in ancestors:
        stored = Embedding.objects.filter(model_version_id=ancestor.version_id)
        newest = stored.order_by("-pk").values_list("precision", flat=True).first()
        # After those of another backend, which may be many: each is looked up along the index.
        for precision in (newest, *COMPUTES["torch"]) if newest else ():
            if precision in COMPUTES["torch"] and stored.filter(precision=precision).exists():
                return precision
    return ""


def image_vectors(
    engine: Engine, photos: Sequence[tuple[str, ImageSource]]
) -> dict[str, np.ndarray | ImageError]:
    """SHA-256 -> unit vector [d], or why the photo cannot be used; `photos` are (sha256, file).

    Raises `PhotosAway` where it is not the photos that are at fault.
    """
    files = dict(photos)
    vectors: dict[str, np.ndarray | ImageError] = {**known_of(engine).find("image", list(files))}
    missing = [sha for sha in files if sha not in vectors]
    with many_photos.ahead([files[sha] for sha in missing]) as sources:
        found = engine.encoder.encode_files(sources)
    for sha, encoded in zip(missing, found, strict=True):
        vectors[sha] = encoded if isinstance(encoded, ImageError) else rounded(encoded)
    _store(engine, "image", {sha: vectors[sha] for sha in missing})
    photos_away.check(
        [(files[sha], bad) for sha in missing if isinstance(bad := vectors[sha], ImageError)],
        read=[files[sha] for sha in missing if not isinstance(vectors[sha], ImageError)],
    )
    return vectors


def text_vectors(engine: Engine, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Text -> unit vector [d]."""
    hashes = {text: text_sha256(text) for text in texts}
    cached = known_of(engine).find("text", list(hashes.values()))
    missing = [text for text, sha in hashes.items() if sha not in cached]
    if missing:
        fresh = {
            hashes[text]: rounded(vector)
            for text, vector in zip(missing, engine.encoder.encode_texts(missing), strict=True)
        }
        _store(engine, "text", fresh)
        cached |= fresh
    return {text: cached[sha] for text, sha in hashes.items()}


def known_of(engine: Engine) -> Known:
    """What the cache knows in the arithmetic in which this engine computes."""
    return Known(engine.ancestors or (Ancestor(engine.version_id),), engine.encoder.arithmetic)


def _store(engine: Engine, tower: str, vectors: Mapping[str, np.ndarray | ImageError]) -> None:
    Embedding.objects.bulk_create(
        [
            Embedding(
                model_version_id=engine.version_id,
                tower=tower,
                precision=engine.encoder.arithmetic,
                content_hash=sha,
                vector=vector.astype(np.float16).tobytes(),
            )
            for sha, vector in vectors.items()
            if not isinstance(vector, ImageError)
        ],
        ignore_conflicts=True,  # another worker may have stored the same vector meanwhile
    )


def rounded(vector: np.ndarray) -> np.ndarray:
    """The vector as the cache will give it back, so that a score never depends on the cache."""
    return np.asarray(_unpack([vector.astype(np.float16).tobytes()])[0])


def _unpack(stored: Sequence[bytes | memoryview]) -> np.ndarray:
    """Float16 bytes to float32 unit vectors [n, d] (rounding moves the length by 0.0002)."""
    vectors = np.frombuffer(b"".join(stored), dtype=np.float16).astype(np.float32)
    vectors = vectors.reshape(len(stored), -1)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
