"""The threshold of a version for further photos: what it would flag, and setting it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction

from moderation.models import Decision, ModelVersion, Product, VersionEvent

from ..encoding import embeddings, further_photos
from ..encoding.engine import engine_for
from ..queries.one_parameter import among
from ..rules import reading, sampling
from ..scoring import stale

LOOKED_AT = 1000  # listings: enough for a share of one in a hundred
_AT_ONCE = 50

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Look:
    """Listings with further photos, and of some of them, drawn at random, what the model says.

    `worst` has the lowest similarity of a further photo to the text, for each listing looked at.
    """

    listings: int
    photos: int
    worst: np.ndarray

    def flagged(self, threshold: float) -> float:
        """The share of listings with further photos that this threshold flags."""
        return float(np.mean(self.worst < threshold)) if self.worst.size else 0.0

    def threshold_for(self, share: float) -> float:
        """The threshold that flags this share of them."""
        return float(np.quantile(self.worst, share))


@dataclass(frozen=True)
class PhotosJudged:
    """What people said of listings that a further photo brought into the queue."""

    right: int
    wrong: int


def look(version: ModelVersion, *, progress: Progress | None = None) -> Look:
    """Score further photos of some listings; their vectors are kept. Raises `ModelError`."""
    with_further = Product.objects.scorable().exclude(photos_hash="")
    keys = list(with_further.values_list("pk", flat=True))
    drawn = sorted(random.Random(0).sample(keys, min(LOOKED_AT, len(keys))))
    count, worst = 0, []
    for start in range(0, len(drawn), _AT_ONCE):
        chunk = drawn[start : start + _AT_ONCE]
        for found in _similarities(version, chunk):
            count += len(found)
            worst.append(min(found))
        if progress:
            progress(min(start + _AT_ONCE, len(drawn)), len(drawn))
    return Look(listings=len(keys), photos=count, worst=np.array(worst))


def _similarities(version: ModelVersion, products: Sequence[int]) -> list[list[float]]:
    """Of each listing that the model reads those of the photos that tell something of it."""
    engine = engine_for(version)
    texts = dict(Product.objects.filter(among("pk", products)).values_list("pk", "text"))
    texts = {pk: text for pk, text in texts.items() if not reading.unreadable(version, text)}
    vectors = embeddings.text_vectors(engine, list(dict.fromkeys(texts.values())))
    of = {pk: of for pk, of in further_photos.present_of(products).items() if pk in texts}
    seen = further_photos.seen(engine, [one for photos in of.values() for one in photos])
    return [
        found
        for pk, photos in of.items()
        if (found := further_photos.similarities(photos, vectors[texts[pk]], seen))
    ]


def judged() -> PhotosJudged:
    """By people, as it stands."""
    said = Decision.objects.standing().by_people().telling().filter(stratum=sampling.PHOTO)
    right = said.filter(verdict=Decision.Verdict.CONFIRM).count()
    return PhotosJudged(right=right, wrong=said.count() - right)


def set_to(version: ModelVersion, threshold: float | None, *, by: User | None = None) -> None:
    """Let this threshold hold, None for none, and log it; the worker brings scores up to date."""
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update().get(pk=version.pk)
        before, locked.photo_threshold = locked.photo_threshold, threshold
        locked.save(update_fields=["photo_threshold"])
        VersionEvent.objects.create(
            version=locked,
            kind=VersionEvent.Kind.THRESHOLD,
            by=by,
            reason="The threshold for further photos was set."
            if threshold is not None
            else "Further photos flag no listing any more.",
            before={"photo_threshold": before},
            after={"photo_threshold": threshold},
        )
        stale.ask(locked)
    version.refresh_from_db()
