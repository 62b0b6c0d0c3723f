"""Photos and texts scored on the spot, while the request that brought them waits.

Each request decodes its own photo; what several requests want of the model at the same moment is
merged into one call by the engine's batcher. Nothing is stored here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from django.conf import settings
from PIL import Image

from moderation.clip import scoring
from moderation.clip.backends.core_count import cpu_cores
from moderation.clip.errors import ImageError
from moderation.clip.explanation.explain_parts import Part
from moderation.clip.folding import in_lower_case
from moderation.clip.pictures.images import open_image
from moderation.clip.texts.prepare import prepare
from moderation.models import Category, ModelVersion, Product, key_of

from ..encoding import embeddings, text_parts
from ..encoding.engine import Engine, active_categories, engine_for
from ..registry import versions
from ..rules import photos, reading
from ..rules.thresholds import Thresholds, traits

Source = Path | bytes | BinaryIO

# Asking the database for the active version is a tenth of a small photo's cost, so its answer
# holds for a moment: another version, or another threshold of it, counts a second later.
VERSION_HOLDS_SECONDS = 1.0
_cached: tuple[float, ModelVersion] | None = None


@dataclass(frozen=True)
class Pair:
    """A photo with its text. `threshold` takes precedence over the product's."""

    image: Source
    text: str
    threshold: float | None = None
    product: Product | None = None


@dataclass(frozen=True)
class Answer:
    """What the model says of a pair: nothing where it cannot read it. And what it read of it."""

    verdict: scoring.Verdict | None
    threshold_used: float
    p_mismatch: float | None
    model_version: str
    why_unreadable: str = ""
    text_read: str = ""
    parts: tuple[Part, ...] = ()


class NoCategories(Exception):
    """There is nothing to choose from."""

    def __init__(self) -> None:
        super().__init__("No category is active; activate one in the admin, or send categories.")


def forget_version() -> None:
    """Ask the database again at the next request."""
    global _cached
    _cached = None


def _current() -> ModelVersion:
    global _cached
    cached, now = _cached, time.monotonic()
    if cached is None or now - cached[0] > VERSION_HOLDS_SECONDS:
        _cached = cached = (now, versions.current())
    return cached[1]


def analyze(pair: Pair) -> Answer:
    """Judge one pair. Raises `ImageError`, and `ModelError` where no model can run."""
    version = _current()
    engine = engine_for(version)
    image = _decode(engine, pair.image)
    vectors = engine.batcher.encode([image], [pair.text])
    return _answer(Thresholds(version), engine, pair, (vectors.images[0], vectors.texts[0]))


def analyze_batch(pairs: Sequence[Pair]) -> list[Answer | ImageError]:
    """Judge each pair, in order; a photo that cannot be used costs only its own pair."""
    version = _current()
    engine = engine_for(version)
    limits, answers = Thresholds(version), list[Answer | ImageError]()
    # Decoded photos can be large: no more are held at once than the model takes in one batch.
    step = settings.CLIP_BATCH_SIZE
    with ThreadPoolExecutor(cpu_cores(), thread_name_prefix="decode") as pool:
        for start in range(0, len(pairs), step):
            part = pairs[start : start + step]
            decoded = list(pool.map(lambda pair: _try_decode(engine, pair.image), part))
            answers += _judge(limits, engine, part, decoded)
    return answers


def analyze_products(product_ids: Sequence[str]) -> list[Answer | ImageError | None]:
    """Judge the present photo and text of each product; None where there is no such product.

    Vectors that the worker computed before are used, and new ones are kept.
    """
    version = _current()
    engine = engine_for(version)
    products = {
        product.external_id: product
        for product in Product.objects.filter(external_id__in=product_ids).select_related(
            "category"
        )
    }
    images = embeddings.image_vectors(
        engine, [(p.image_sha256, photos.source(str(p.image.name))) for p in products.values()]
    )
    texts = embeddings.text_vectors(engine, [product.text for product in products.values()])
    limits = Thresholds(version)
    answers: list[Answer | ImageError | None] = []
    for product_id in product_ids:
        product = products.get(product_id)
        if product is None:
            answers.append(None)
            continue
        image = images[product.image_sha256]
        if isinstance(image, ImageError):
            answers.append(image)
            continue
        pair = Pair(b"", product.text, product=product)
        answers.append(_answer(limits, engine, pair, (image, texts[product.text])))
    return answers


def classify(
    image: Source, *, top_k: int, names: Sequence[str] = ()
) -> tuple[list[dict[str, str | float]], str]:
    """The most likely categories, best first, and the model version's name.

    Among `names`, or among the active categories. Raises `ImageError`, `ModelError`, and
    `NoCategories`.
    """
    categories = _named(names) if names else active_categories()
    if not categories:
        raise NoCategories
    version = _current()
    engine = engine_for(version)
    vectors = engine.batcher.encode([_decode(engine, image)], [])
    return engine.rank(vectors.images[0], categories, top_k=top_k), version.name


def _named(names: Sequence[str]) -> list[tuple[str, str]]:
    """(name, prompt noun); a category that the shop knows is asked about in its own words."""
    known = {category.key: category.prompt_noun for category in Category.objects.all()}
    return [(name, known.get(key_of(name), in_lower_case(name))) for name in names]


def _decode(engine: Engine, source: Source) -> Image.Image:
    """The picture at the model's own size, so that a large one is held only for a moment."""
    transform = engine.encoder.transform
    image = open_image(
        source, shortest_edge=transform.target_edge, max_pixels=settings.MAX_IMAGE_PIXELS
    )
    return Image.fromarray(transform(image))


def _try_decode(engine: Engine, source: Source) -> Image.Image | ImageError:
    try:
        return _decode(engine, source)
    except ImageError as error:
        return error


def _judge(
    limits: Thresholds,
    engine: Engine,
    pairs: Sequence[Pair],
    decoded: Sequence[Image.Image | ImageError],
) -> list[Answer | ImageError]:
    usable = [
        (pair, image)
        for pair, image in zip(pairs, decoded, strict=True)
        if not isinstance(image, ImageError)
    ]
    vectors = engine.batcher.encode(
        [image for _, image in usable], [pair.text for pair, _ in usable]
    )
    encoded = iter(zip(vectors.images, vectors.texts, strict=True))
    return [
        image if isinstance(image, ImageError) else _answer(limits, engine, pair, next(encoded))
        for pair, image in zip(pairs, decoded, strict=True)
    ]


def _answer(
    limits: Thresholds, engine: Engine, pair: Pair, vectors: tuple[np.ndarray, np.ndarray]
) -> Answer:
    """Rounded as the worker rounds, so that both give the same score. `vectors` are [d] each."""
    version, category = limits.version, pair.product and pair.product.category
    threshold = limits.of(traits(pair.product), override=pair.threshold)
    if code := reading.unreadable(version, pair.text):
        why = reading.why_unreadable(version, code)
        return Answer(None, threshold, None, version.name, why, text_read=prepare(pair.text))
    image, text = (embeddings.rounded(vector) for vector in vectors)
    score = float(scoring.similarity(image[None], text[None])[0])
    asked = text_parts.Asked(pair.text, image, threshold)
    (parts,) = text_parts.judged(engine, [asked], encode=partial(_encoded, engine))
    return Answer(
        verdict=scoring.judge(score, threshold=threshold),
        threshold_used=threshold,
        p_mismatch=version.p_mismatch(score, category.name if category else None),
        model_version=version.name,
        text_read=prepare(pair.text),
        parts=parts,
    )


def _encoded(engine: Engine, texts: Sequence[str]) -> dict[str, np.ndarray]:
    """By text its vector, as the worker rounds it; nothing is kept of what a request brought."""
    vectors = engine.batcher.encode([], texts).texts
    return {text: embeddings.rounded(row) for text, row in zip(texts, vectors, strict=True)}
