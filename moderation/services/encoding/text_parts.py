"""Texts longer than a version reads: each part beside the photo. The score is that of the title."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from moderation.clip import families, scoring
from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ImageError, ModelError
from moderation.clip.explanation import explain_parts
from moderation.clip.explanation.explain_parts import Part
from moderation.clip.texts.prepare import prepare
from moderation.clip.texts.tokens import Tokens
from moderation.models import Analysis, ModelVersion

from ..registry import files
from . import embeddings
from .engine import Engine

EncodeTexts = Callable[[Sequence[str]], Mapping[str, np.ndarray]]
Stored = Sequence[tuple[str, float, bool]]  # the value of `Analysis.parts`


def tokens_of(version: ModelVersion) -> Tokens:
    """How this version reads texts, without its weights. Raises `ModelError`."""
    folder = files.folder_of(version)
    length = families.of(folder).read_text_length(folder)
    return Tokens(checkpoint.load_tokenizer(folder), most=length)


def read_whole(version: ModelVersion, texts: Sequence[str]) -> list[bool]:
    """Which texts this version reads as a whole; of one whose files are gone nothing is known."""
    try:
        tokens = tokens_of(version)
    except ModelError:
        return [False] * len(texts)
    return [
        length <= tokens.room or len(tokens.parts(prepare(text))) == 1
        for length, text in zip(tokens.lengths(texts), texts, strict=True)
    ]


class Asked(NamedTuple):
    """A text with its photo's unit vector [d], and the threshold that holds for the two."""

    text: str
    image: np.ndarray
    threshold: float


def judged(
    engine: Engine, asked: Sequence[Asked], *, encode: EncodeTexts | None = None
) -> list[tuple[Part, ...]]:
    """For each text its parts; none where it is read as a whole. `encode` replaces the cache."""
    encode = encode or partial(embeddings.text_vectors, engine)
    found = [engine.encoder.parts(one.text) for one in asked]
    wanted = list(dict.fromkeys(part for parts in found if len(parts) > 1 for part in parts))
    vectors = encode(wanted) if wanted else {}
    return [
        _judged(one, parts, vectors) if len(parts) > 1 else ()
        for one, parts in zip(asked, found, strict=True)
    ]


def fill(
    engine: Engine, rows: Sequence[Analysis], images: Mapping[str, np.ndarray | ImageError]
) -> None:
    """Set `parts` of the rows that have a score; `images` has their photos. Nothing is saved."""
    asked = {
        row: Asked(row.text, image, row.threshold_used)
        for row in rows
        if not isinstance(image := images[row.image_sha256], ImageError)
        and row.threshold_used is not None
    }
    for row, parts in zip(asked, judged(engine, list(asked.values())), strict=True):
        row.parts = _stored(parts)


def judged_again(stored: Stored | None, *, threshold: float) -> Stored | None:
    """The parts that an analysis keeps, by another threshold."""
    if not stored:
        return stored
    texts, similarities, _ = zip(*stored, strict=True)
    return _stored(explain_parts.judged(texts, similarities, threshold=threshold))


def _stored(parts: Sequence[Part]) -> Stored:
    return [(part.text, round(part.similarity, 6), part.fits) for part in parts]


def _judged(
    one: Asked, parts: Sequence[str], vectors: Mapping[str, np.ndarray]
) -> tuple[Part, ...]:
    texts = np.stack([vectors[part] for part in parts])
    similarities = scoring.similarity(np.broadcast_to(one.image, texts.shape), texts)
    return explain_parts.judged(parts, similarities.tolist(), threshold=one.threshold)
