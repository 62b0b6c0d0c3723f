"""The CLIP package in one object: does this picture match this text, and what is on it?"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip import configuration, scoring
from moderation.clip.backends import choice
from moderation.clip.category_cache import CategoryVectors
from moderation.clip.checkpoints import checkpoint
from moderation.clip.encoder import Encoder, ImageSource
from moderation.clip.errors import ImageError
from moderation.clip.prompts import DEFAULT_CATEGORIES


class CLIPAnalyzer:
    """Similarity, mismatch and zero-shot categories by one model.

    `model_path` is a local folder, `bundled` or a hub name; without it `CLIP_MODEL_PATH`, then
    `CLIP_MODEL_NAME`, then OpenAI's ViT-B/32. `device` is auto, cpu, cuda or mps. A picture is a
    Pillow image, a path, the bytes of a file, or an open file. Safe to share between threads.

    `threshold` is `CLIP_SIMILARITY_THRESHOLD`, else the model's own (`clipmod.json`), else its
    family's (0.25 of CLIP).
    Raises `ModelError`; its subclass `ModelUnavailable` says what to do without a network.

    `compute_similarity`, `detect_mismatch`, `class_based_comparison` and `batch_analyze` are what
    programs outside clipmod call: their names, arguments and answers stay, and so does the way to
    them, `moderation.clip.analyzer.CLIPAnalyzer`.
    """

    def __init__(self, model_path: str | Path | None = None, device: str | None = None) -> None:
        configured = configuration.read()
        model = checkpoint.resolve(model_path or configured.model)
        backend, precision = choice.resolved(
            choice.of_folder(configured.exports, model.folder),
            device=device or configured.device,
            backend=configured.backend,
            precision=configured.precision,
        )
        encoder = Encoder.load(
            model.folder,
            device=device or configured.device,
            precision=precision,
            batch_size=configured.batch_size,
            backend=backend,
            exports=configured.exports,
        )
        own, asked = checkpoint.threshold(model.folder), configured.threshold
        threshold = own if asked is None else asked
        self._take(encoder, name=model.name, revision=model.revision, threshold=threshold)

    @classmethod
    def from_encoder(
        cls,
        encoder: Encoder,
        *,
        name: str,
        revision: str | None = None,
        threshold: float = scoring.DEFAULT_THRESHOLD,
    ) -> CLIPAnalyzer:
        """An analyzer by an encoder that is loaded already, shared with its other users."""
        analyzer = cls.__new__(cls)
        analyzer._take(encoder, name=name, revision=revision, threshold=threshold)
        return analyzer

    def _take(self, encoder: Encoder, *, name: str, revision: str | None, threshold: float) -> None:
        self.encoder = encoder
        self.model_name, self.revision = name, revision
        self.threshold = threshold
        self.categories = CategoryVectors(encoder)

    @property
    def device(self) -> str:
        return self.encoder.device

    def compute_similarity(self, image: ImageSource, text: str) -> float:
        """Cosine of picture and text, from -1 to 1. Raises `ImageError`."""
        texts = self.encoder.encode_texts([text])
        return float(scoring.similarity(self._image_vector(image)[None], texts)[0])

    def detect_mismatch(
        self, image: ImageSource, text: str, threshold: float | None = None
    ) -> dict[str, Any]:
        """Judge one pair; a higher `threshold` is stricter. Raises `ImageError`.

        Gives `is_mismatch`, `similarity_score`, `threshold_used`, `confidence` (high, medium, low)
        and `match_quality` (excellent, good, fair, poor, mismatch).
        """
        return self._verdict(self.compute_similarity(image, text), threshold)

    def class_based_comparison(
        self, image: ImageSource, categories: Sequence[str] | None = None, top_k: int = 5
    ) -> list[dict[str, Any]]:
        """The most likely categories as `{"category": name, "score": probability}`, best first.

        Without `categories` the shop categories of `prompts.DEFAULT_CATEGORIES` are compared.
        """
        known = dict(DEFAULT_CATEGORIES)
        names = list(known) if categories is None else list(categories)
        ranked = scoring.rank_categories(
            self._image_vector(image),
            self.categories.of([known.get(name, name) for name in names]),
            logit_scale=self.encoder.logit_scale,
            names=names,
            top_k=top_k,
        )
        return [{"category": name, "score": score} for name, score in ranked]

    def batch_analyze(
        self, images: Sequence[ImageSource], texts: Sequence[str], threshold: float | None = None
    ) -> list[dict[str, Any]]:
        """Judge picture and text pair by pair, in order, as `detect_mismatch` does.

        A picture that cannot be used gives `{"error": sentence, "code": code}` in its place.
        """
        if len(images) != len(texts):
            raise ValueError(f"There are {len(images)} images but {len(texts)} texts.")
        vectors = self.encoder.encode_files(images)
        readable = [index for index, found in enumerate(vectors) if isinstance(found, np.ndarray)]
        encoded = self.encoder.encode_texts([texts[index] for index in readable])
        text_vectors = dict(zip(readable, encoded, strict=True))
        return [
            {"error": str(found), "code": found.code}
            if isinstance(found, ImageError)
            else self._verdict(float(found @ text_vectors[index]), threshold)
            for index, found in enumerate(vectors)
        ]

    def _verdict(self, similarity: float, threshold: float | None) -> dict[str, Any]:
        limit = self.threshold if threshold is None else threshold
        return asdict(scoring.judge(similarity, threshold=limit))

    def _image_vector(self, image: ImageSource) -> np.ndarray:
        found = self.encoder.encode_files([image])[0]
        if isinstance(found, ImageError):
            raise found
        return found


_shared: CLIPAnalyzer | None = None
_shared_lock = threading.Lock()


def get_clip_analyzer() -> CLIPAnalyzer:
    """The one analyzer of this process, loaded on first use (seconds). Raises `ModelError`.

    Where a program has set one, as clipmod's own processes do, it is that one.
    """
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = CLIPAnalyzer()
        return _shared


def set_clip_analyzer(analyzer: CLIPAnalyzer | None) -> None:
    """Let `get_clip_analyzer()` answer with this one; None: with one of its own, loaded then."""
    global _shared
    with _shared_lock:
        _shared = analyzer
