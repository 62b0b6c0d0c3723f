"""The loaded model of this process: one per version, warm, shared by all threads."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from django.db import connection

from moderation.clip import prompts, scoring
from moderation.clip.batcher import Batcher
from moderation.clip.errors import ModelError
from moderation.models import Category, ModelVersion

from . import versions

if TYPE_CHECKING:
    from moderation.clip.encoder import Encoder

logger = logging.getLogger(__name__)

TOP_CATEGORIES = 5
_KEPT = 2  # the active version, and one that is compared with it


@dataclass
class Engine:
    """An encoder with the version it belongs to and the category vectors it has computed.

    Threads of a web process ask through `batcher`, which merges what comes at the same moment.
    """

    version_id: int
    encoder: Encoder
    _categories: OrderedDict[tuple[str, ...], np.ndarray] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.batcher = Batcher(self.encoder)

    def category_vectors(self, nouns: Sequence[str]) -> np.ndarray:
        """Unit vectors [c, d] of the categories' averaged prompts, computed once per list."""
        key = tuple(nouns)
        with self._lock:
            if key not in self._categories:
                self._categories[key] = prompts.category_vectors(self.encoder.encode_texts, nouns)
                while len(self._categories) > 32:
                    self._categories.popitem(last=False)
            self._categories.move_to_end(key)
            return self._categories[key]

    def rank(
        self, image_vector: np.ndarray, categories: Sequence[tuple[str, str]], *, top_k: int
    ) -> list[dict[str, str | float]]:
        """The likeliest of the (name, prompt noun) pairs for an image vector [d], best first."""
        vectors = self.category_vectors([noun for _, noun in categories])
        ranked = scoring.rank_categories(
            image_vector,
            vectors,
            logit_scale=self.encoder.logit_scale,
            names=[name for name, _ in categories],
            top_k=top_k,
        )
        return [{"category": name, "score": round(score, 4)} for name, score in ranked]


_engines: OrderedDict[int, Engine] = OrderedDict()
_load_lock = threading.Lock()


def engine_for(version: ModelVersion) -> Engine:
    """The engine of this version, loaded on first use (seconds). Raises `ModelError`."""
    with _load_lock:
        engine = _engines.get(version.pk)
        if engine is None:
            engine = Engine(version_id=version.pk, encoder=_load(version))
            _engines[version.pk] = engine
            while len(_engines) > _KEPT:
                _engines.popitem(last=False)
        _engines.move_to_end(version.pk)
        return engine


def preload() -> None:
    """Load the model that runs now, for a process that shall not wait at its first request."""
    try:
        engine_for(versions.current())
    except ModelError as error:
        logger.error("The model could not be loaded in advance: %s", error)
    finally:
        connection.close()  # of the thread that this ran in


def loaded() -> Engine | None:
    """The engine used last by this process, or None while no model is loaded."""
    return next(reversed(_engines.values()), None)


def unload() -> None:
    """Forget all loaded models of this process."""
    with _load_lock:
        _engines.clear()


def _load(version: ModelVersion) -> Encoder:
    from moderation.clip.encoder import Encoder

    return Encoder.load(
        versions.folder_of(version),
        device=settings.CLIP_DEVICE,
        precision=settings.CLIP_PRECISION,
        batch_size=settings.CLIP_BATCH_SIZE,
    )


def active_categories() -> list[tuple[str, str]]:
    """(name, prompt noun) of every active category."""
    return [(c.name, c.prompt_noun) for c in Category.objects.filter(is_active=True)]
