"""Vectors that were computed once: a photo or a text is encoded once per model and precision."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from moderation.clip.errors import ImageError
from moderation.models import Embedding

from .engine import Engine


def text_sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def image_vectors(
    engine: Engine, photos: Sequence[tuple[str, Path]]
) -> dict[str, np.ndarray | ImageError]:
    """SHA-256 -> unit vector [d], or why the photo cannot be used; `photos` are (sha256, path)."""
    paths = dict(photos)
    vectors: dict[str, np.ndarray | ImageError] = {**_cached(engine, "image", list(paths))}
    missing = [sha for sha in paths if sha not in vectors]
    for sha, encoded in zip(
        missing, engine.encoder.encode_files([paths[sha] for sha in missing]), strict=True
    ):
        vectors[sha] = encoded if isinstance(encoded, ImageError) else rounded(encoded)
    _store(engine, "image", {sha: vectors[sha] for sha in missing})
    return vectors


def text_vectors(engine: Engine, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Text -> unit vector [d]."""
    hashes = {text: text_sha256(text) for text in texts}
    cached = _cached(engine, "text", list(hashes.values()))
    missing = [text for text, sha in hashes.items() if sha not in cached]
    if missing:
        fresh = {
            hashes[text]: rounded(vector)
            for text, vector in zip(missing, engine.encoder.encode_texts(missing), strict=True)
        }
        _store(engine, "text", fresh)
        cached |= fresh
    return {text: cached[sha] for text, sha in hashes.items()}


def _cached(engine: Engine, tower: str, hashes: list[str]) -> dict[str, np.ndarray]:
    rows = Embedding.objects.filter(
        model_version_id=engine.version_id,
        tower=tower,
        precision=engine.encoder.precision,
        content_hash__in=hashes,
    ).values_list("content_hash", "vector")
    return {sha: _unpack(vector) for sha, vector in rows}


def _store(engine: Engine, tower: str, vectors: Mapping[str, np.ndarray | ImageError]) -> None:
    Embedding.objects.bulk_create(
        [
            Embedding(
                model_version_id=engine.version_id,
                tower=tower,
                precision=engine.encoder.precision,
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
    return _unpack(vector.astype(np.float16).tobytes())


def _unpack(stored: bytes | memoryview) -> np.ndarray:
    """Float16 bytes to a float32 vector of unit length (rounding moves the length by 0.0002)."""
    vector = np.frombuffer(stored, dtype=np.float16).astype(np.float32)
    return vector / np.linalg.norm(vector)
