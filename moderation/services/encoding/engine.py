"""The loaded model of this process: one per version, warm, shared by all threads."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from django.db import connection

from moderation.clip import scoring
from moderation.clip.analyzer import CLIPAnalyzer, set_clip_analyzer
from moderation.clip.batcher import Batcher
from moderation.clip.errors import ModelError
from moderation.models import Category, ModelVersion

from ..registry import files, versions
from ..rules.thresholds import Thresholds
from ..worker import about
from . import backend_choice
from .head_maps import Ancestor, lineage

if TYPE_CHECKING:
    from moderation.clip.encoder import Encoder

logger = logging.getLogger(__name__)

TOP_CATEGORIES = 5
_KEPT = 2  # the active version, and one that is compared with it; the second judge besides


@dataclass
class Engine:
    """An encoder with the version it belongs to and the analyzer that shares it.

    Threads of a web process ask through `batcher`, which merges what comes at the same moment.
    """

    version_id: int
    encoder: Encoder
    analyzer: CLIPAnalyzer
    ancestors: tuple[Ancestor, ...] = ()

    def __post_init__(self) -> None:
        self.batcher = Batcher(self.encoder)

    def category_vectors(self, nouns: Sequence[str]) -> np.ndarray:
        """Unit vectors [c, d] of the categories' averaged prompts, computed once per noun."""
        return self.analyzer.categories.of(nouns)

    def rank(
        self, image_vector: np.ndarray, categories: Sequence[tuple[str, str]], *, top_k: int
    ) -> list[dict[str, str | float]]:
        """The most likely of the (name, prompt noun) pairs for an image vector [d], best first."""
        vectors = self.category_vectors([noun for _, noun in categories])
        ranked = scoring.rank_categories(
            image_vector,
            vectors,
            logit_scale=self.encoder.logit_scale,
            names=[name for name, _ in categories],
            top_k=top_k,
        )
        return [{"category": name, "score": round(score, 4)} for name, score in ranked]


# A key of the database alone would not do: another database, or a version that was registered
# again, may give the same one to other weights.
_Key = tuple[int, str, str, str, str, str]
_engines: OrderedDict[_Key, Engine] = OrderedDict()
_load_lock = threading.Lock()


def engine_for(version: ModelVersion) -> Engine:
    """The engine of this version, loaded on first use (seconds). Raises `ModelError`."""
    with _load_lock:
        engine = _engines.get(_key(version))
        if engine is None:
            engine = _load(version)  # which also finds out the hash, where it was not known
            _engines[_key(version)] = engine
            while len(_engines) > _KEPT + bool(settings.CLIP_SECOND_JUDGE):
                _engines.popitem(last=False)
        _engines.move_to_end(_key(version))
        if versions.is_current(version):
            # So `get_clip_analyzer()` follows an activation, and loads no second copy.
            engine.analyzer.threshold = Thresholds(version).general
            set_clip_analyzer(engine.analyzer)
        if versions.is_current(version) or version.name != settings.CLIP_SECOND_JUDGE:
            about.this_worker.runs(
                model=version.name,
                device=engine.encoder.device,
                precision=engine.encoder.precision,
                backend=engine.encoder.backend,
            )
        return engine


def _key(version: ModelVersion) -> _Key:
    backend, precision = backend_choice.way(version)  # a new decision is a new engine
    hashes = version.weights_sha256, version.files_sha256
    return version.pk, version.location, *hashes, backend, precision


def try_out(version: ModelVersion) -> None:
    """Load a version and let it encode a picture and a text, before anything relies on it.

    Raises `ModelError` where its files are not here, are others than registered or do not run.
    """
    files.folder_of(version)  # also where it was loaded before: the files may be gone since
    engine_for(version)


def preload() -> None:
    """Load the model that runs now, for a process that must not wait at its first request.

    `get_clip_analyzer()` then answers with the same model.
    """
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
        set_clip_analyzer(None)


def _load(version: ModelVersion) -> Engine:
    from moderation.clip.encoder import Encoder

    folder = files.folder_of(version)
    backend, precision = backend_choice.way(version)
    encoder = Encoder.load(
        folder,
        device=settings.CLIP_DEVICE,
        precision=precision,
        backend=backend,
        exports=settings.CLIP_EXPORT_DIR,
        batch_size=settings.CLIP_BATCH_SIZE,
        max_pixels=settings.MAX_IMAGE_PIXELS,
    )
    revision = version.revision or None
    analyzer = CLIPAnalyzer.from_encoder(encoder, name=version.name, revision=revision)
    logger.info(
        "The model “%s” is loaded, on %s by %s in %s",
        version.name,
        encoder.device,
        encoder.backend,
        encoder.precision,
    )
    return Engine(
        version_id=version.pk, encoder=encoder, analyzer=analyzer, ancestors=lineage(version)
    )


def active_categories() -> list[tuple[str, str]]:
    """(name, prompt noun) of every active category."""
    return [(c.name, c.prompt_noun) for c in Category.objects.filter(is_active=True)]
