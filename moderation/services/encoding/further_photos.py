"""A listing's photos after its main one, each beside the text: which clearly show something else.

Off until a version has a threshold for them: details, size charts and packages fit a title badly,
so what it finds has to be weighed against what it disturbs (`benchmarks/further_photos.py`). A
photo that several listings have, such as a size chart, speaks of none of them and is not asked.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from django.db.models import Count

from moderation.clip import scoring
from moderation.clip.errors import ImageError
from moderation.models import Analysis, FurtherPhoto, ProductPhoto, content_hash, photos_hash

from ..queries.one_parameter import among
from ..rules import photos
from . import embeddings
from .engine import Engine

SHARED_BY = 3  # listings with the same further photo

Photos = Sequence[FurtherPhoto]
Stored = Sequence[Mapping[str, Any]]  # the value of `Analysis.photos`


def present_of(products: Sequence[int]) -> dict[int, list[FurtherPhoto]]:
    """The further photos that are here, in their order, by product; those without any are none."""
    if not products:
        return {}
    rows = ProductPhoto.objects.filter(among("product", products), position__gt=0)
    here = rows.exclude(image_sha256="").order_by("position")
    found: dict[int, list[FurtherPhoto]] = defaultdict(list)
    columns = ("product", "position", "image", "image_sha256")
    for product, position, image, sha256 in here.values_list(*columns):
        found[product].append(FurtherPhoto(position, image, sha256))
    return dict(found)


def fill(engine: Engine, rows: Sequence[Analysis], texts: Mapping[str, np.ndarray]) -> None:
    """Set `photos` of answered rows of one version; nothing is saved. `texts` has their vectors.

    Where a listing has other photos by now than the row was asked about, nothing is said of them.
    """
    found = present_of([row.product_id for row in rows if row.product.photos_hash])
    of_rows = {row: of for row in rows if (of := found.get(row.product_id)) and _is_of(row, of)}
    threshold = rows[0].model_version.photo_threshold if rows else None
    if threshold is None:
        for row, of in of_rows.items():
            row.photos = stored(of)
        return
    read = [one for row, of in of_rows.items() if row.text in texts for one in of]
    vectors = seen(engine, read)
    for row, of in of_rows.items():
        text = texts.get(row.text)
        row.photos = stored(of if text is None else judged(of, text, vectors, threshold=threshold))


def seen(engine: Engine, of: Iterable[FurtherPhoto]) -> dict[str, np.ndarray]:
    """SHA-256 -> unit vector [d] of those that tell something of their listing and can be read."""
    names = {one.image_sha256: one.image for one in of}
    telling = sorted(names.keys() - shared(names))
    vectors = embeddings.image_vectors(
        engine, [(sha, photos.source(names[sha])) for sha in telling]
    )
    return {sha: one for sha, one in vectors.items() if not isinstance(one, ImageError)}


def similarities(of: Photos, text: np.ndarray, vectors: Mapping[str, np.ndarray]) -> list[float]:
    """To a text's unit vector [d], of the photos that have a vector."""
    known = (vectors[one.image_sha256] for one in of if one.image_sha256 in vectors)
    return [_similarity(vector, text) for vector in known]


def _is_of(row: Analysis, of: Photos) -> bool:
    further = photos_hash(one.image_sha256 for one in of)
    return row.content_hash == content_hash(
        text=row.text, image_sha256=row.image_sha256, photos_hash=further
    )


def shared(shas: Collection[str]) -> set[str]:
    """Those of these photos that many listings have after their main one."""
    if not shas:
        return set()
    rows = ProductPhoto.objects.filter(among("image_sha256", sorted(shas)), position__gt=0)
    counted = rows.order_by().values("image_sha256").annotate(of=Count("product", distinct=True))
    return set(counted.filter(of__gte=SHARED_BY).values_list("image_sha256", flat=True))


def judged(
    of: Photos, text: np.ndarray, vectors: Mapping[str, np.ndarray], *, threshold: float
) -> list[FurtherPhoto]:
    """The photos beside a text's unit vector [d]; what has no vector may fit."""
    return [
        _judged(one, None if vector is None else _similarity(vector, text), threshold)
        for one in of
        for vector in [vectors.get(one.image_sha256)]
    ]


def judged_again(stored_photos: Stored | None, *, threshold: float | None) -> Stored | None:
    """The photos that an analysis keeps, by another threshold."""
    if not stored_photos:
        return stored_photos
    return stored(
        [
            replace(one, fits=None, similarity=None)
            if threshold is None
            else _judged(one, one.similarity, threshold)
            for one in map(_read, stored_photos)
        ]
    )


def is_unasked(stored_photos: Stored | None, *, threshold: float | None) -> bool:
    """Whether photos have to be looked at that were not before."""
    return threshold is not None and any(one["fits"] is None for one in stored_photos or ())


def is_outdated(stored_photos: Stored | None, *, threshold: float | None) -> bool:
    """Whether this threshold says something else of them."""
    return stored_photos != judged_again(stored_photos, threshold=threshold)


def misfits(stored_photos: Stored | None) -> bool:
    """Whether any of them does not fit."""
    return any(one["fits"] is False for one in stored_photos or ())


def stored(of: Photos) -> list[dict[str, Any]]:
    """As an analysis keeps them."""
    return [one.as_json() for one in of]


def as_json(stored_photos: Stored | None) -> str | None:
    """As a database takes them."""
    return None if stored_photos is None else json.dumps(stored_photos)


def _read(one: Mapping[str, Any]) -> FurtherPhoto:
    return FurtherPhoto(**one)


def _similarity(image: np.ndarray, text: np.ndarray) -> float:
    return round(float(scoring.similarity(image[None], text[None])[0]), 6)


def _judged(one: FurtherPhoto, similarity: float | None, threshold: float) -> FurtherPhoto:
    return replace(one, similarity=similarity, fits=similarity is None or similarity >= threshold)
