"""Judging what is known already: cached vectors and previous similarities, without a model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import NamedTuple

import numpy as np
from django.db.models import F, Max, QuerySet

from moderation.clip import prompts, scoring
from moderation.clip.checkpoints import checkpoint
from moderation.models import Analysis, FurtherPhoto, ModelVersion, Product

from ..encoding import embeddings, further_photos, text_parts
from ..encoding.engine import TOP_CATEGORIES, active_categories, engine_for
from ..queries.one_parameter import among
from ..registry import files
from ..rules import reading
from ..rules.thresholds import Thresholds, columns
from . import rescore_photos
from .bulk_results import NewAnalysis

SAME_P = 1e-6  # what a database computes differs from this process in the last digits


class Newest(NamedTuple):
    """What is needed of an analysis to tell whether it still holds."""

    pk: int
    status: str
    created_at: datetime
    similarity: float | None
    threshold_used: float | None
    p_mismatch: float | None
    unreadable: str
    preparation: str
    parts: text_parts.Stored | None
    photos: further_photos.Stored | None


class Case(NamedTuple):
    """A product with the newest analysis of its present content by one model."""

    product_id: int
    external_id: str
    content_hash: str
    image_sha256: str
    text: str
    category: str | None
    current_id: int | None
    was_flagged: bool
    newest: Newest | None
    threshold: float  # the one that holds for it
    further: tuple[FurtherPhoto, ...] = ()


_FIELDS = (
    *("pk", "external_id", "content_hash", "image_sha256", "text", "category__name"),
    *("analysis_id", "analysis__is_mismatch", "photos_hash"),
)
_OF_PRODUCT = len(_FIELDS)


def cases(
    products: QuerySet[Product], version: ModelVersion, *, threshold: float | None = None
) -> list[Case]:
    """The cases of these products (a slice in the order of their keys), in a handful of queries.

    `threshold` takes precedence over the products' own.
    """
    limits = Thresholds(version)
    found = list(products.values_list(*_FIELDS, *columns()))
    keys = (
        Analysis.objects.filter(
            among("product", [row[0] for row in found]),
            model_version=version,
            content_hash=F("product__content_hash"),
        )
        .order_by()
        .values("product")
        .annotate(newest=Max("pk"))
        .values_list("newest", flat=True)
    )
    fields = ("product_id", *Newest._fields)
    rows = Analysis.objects.filter(among("pk", list(keys))).order_by().values_list(*fields)
    newest = {row[0]: Newest(*row[1:]) for row in rows}
    further = further_photos.present_of([row[0] for row in found if row[_OF_PRODUCT - 1]])
    return [
        Case._make(
            (
                *(*row[:7], bool(row[7]), newest.get(row[0])),
                limits.of(row[_OF_PRODUCT:], override=threshold),
                tuple(further.get(row[0], ())),
            )
        )
        for row in found
    ]


class Rescorer:
    """Calibration and known vectors of one version, for many products."""

    def __init__(self, version: ModelVersion) -> None:
        self.version = version
        self._calibration = version.calibrated

    def is_recalibrated(self, case: Case) -> bool:
        """Whether the newest analysis has the P(mismatch) of another calibration."""
        newest = case.newest
        if newest is None or newest.similarity is None:
            return False
        wanted = self._p_mismatch(newest.similarity, case.category)
        if wanted is None or newest.p_mismatch is None:
            return wanted is not newest.p_mismatch
        return abs(wanted - newest.p_mismatch) > SAME_P

    def _p_mismatch(self, similarity: float, category: str | None) -> float | None:
        curve = self._calibration
        return curve.p_mismatch(similarity, category) if curve else None

    def judge_again(self, case: Case) -> NewAnalysis | None:
        """The answer by what the newest analysis found: a similarity, or that it cannot be read."""
        newest = case.newest
        if newest is None or (newest.similarity is None and not newest.unreadable):
            return None
        if newest.similarity is None:
            answer = self._unread(case, newest.unreadable)
        else:
            parts = text_parts.judged_again(newest.parts, threshold=case.threshold)
            stored = None if parts is None else json.dumps(parts)
            answer = self._answer(case, newest.similarity)._replace(parts=stored)
        limit = self.version.photo_threshold
        photos = further_photos.judged_again(newest.photos, threshold=limit)
        return rescore_photos.told(answer, photos)._replace(known_from=newest.pk)

    def _unread(self, case: Case, code: str) -> NewAnalysis:
        return NewAnalysis(
            product_id=case.product_id,
            external_id=case.external_id,
            content_hash=case.content_hash,
            similarity=None,
            p_mismatch=None,
            threshold_used=None,
            is_mismatch=None,
            unreadable=code,
        )

    def _answer(self, case: Case, similarity: float) -> NewAnalysis:
        return NewAnalysis(
            product_id=case.product_id,
            external_id=case.external_id,
            content_hash=case.content_hash,
            similarity=similarity,
            p_mismatch=self._p_mismatch(similarity, case.category),
            threshold_used=case.threshold,
            is_mismatch=similarity < case.threshold,
        )

    def score(self, cases: Sequence[Case], *, ranked: bool = True) -> list[NewAnalysis | None]:
        """The answers by cached vectors, None where one of the two is not known.

        `ranked` adds the most likely categories; their prompts are encoded once per version.
        """
        images, has_image = self.known.matrix("image", [case.image_sha256 for case in cases])
        found = self._judged(cases, images, has_image)
        limit = self.version.photo_threshold
        found = list(rescore_photos.look(cases, found, known=self.known, threshold=limit))
        places = [place for place, answer in enumerate(found) if answer is not None]
        if not places:
            return found
        tops = self.ranking.as_json(images[places]) if ranked else ["[]"] * len(places)
        for place, top in zip(places, tops, strict=True):
            if (answer := found[place]) is not None:
                precision = self.known.precision
                found[place] = answer._replace(top_categories=top, precision=precision)
        return found

    def _judged(
        self, cases: Sequence[Case], images: np.ndarray, has_image: np.ndarray
    ) -> list[NewAnalysis | None]:
        """The answers where the photo's vector is known, and the text's or why it is not read."""
        codes = {text: reading.unreadable(self.version, text) for text in {c.text for c in cases}}
        found = [
            self._unread(case, code) if there and (code := codes[case.text]) else None
            for case, there in zip(cases, has_image, strict=True)
        ]
        texts, has_text = self.known.matrix(
            "text", [embeddings.text_sha256(case.text) for case in cases]
        )
        is_read = np.array([not codes[case.text] for case in cases], dtype=bool)
        (both,) = np.nonzero(has_image & has_text & is_read)
        if both.size:
            similarities = scoring.similarity(images[both], texts[both])
            places = both.tolist()
            whole = text_parts.read_whole(self.version, [cases[place].text for place in places])
            for place, score, is_whole in zip(places, similarities.tolist(), whole, strict=True):
                parts = "[]" if is_whole else None  # the worker looks at them, once it explains
                found[place] = self._answer(cases[place], score)._replace(parts=parts)
        return found

    @cached_property
    def known(self) -> embeddings.Known:
        return embeddings.Known.of(self.version)

    @cached_property
    def ranking(self) -> Ranking:
        return Ranking(self.version, self.known)


class Ranking:
    """The active categories as this version sees them, for whole matrices of photos."""

    def __init__(self, version: ModelVersion, known: embeddings.Known) -> None:
        categories = active_categories()
        self._names = [json.dumps(name) for name, _ in categories]

        def vectors(sentences: Sequence[str]) -> np.ndarray:
            hashes = [embeddings.text_sha256(sentence) for sentence in sentences]
            matrix, there = known.matrix("text", hashes)
            if there.all():
                return matrix
            # Seconds, once: from then on the sentences are in the cache as well.
            encoded = embeddings.text_vectors(engine_for(version), list(dict.fromkeys(sentences)))
            return np.stack([encoded[sentence] for sentence in sentences])

        nouns = [noun for _, noun in categories]
        self._vectors = prompts.category_vectors(vectors, nouns) if nouns else None
        self._logit_scale = checkpoint.logit_scale(files.folder_of(version)) if nouns else 1.0

    def as_json(self, images: np.ndarray) -> list[str]:
        """The most likely categories of each image vector of [n, d], as an analysis stores them."""
        if self._vectors is None:
            return ["[]"] * len(images)
        shares = scoring.category_probabilities(
            images, self._vectors, logit_scale=self._logit_scale
        )
        order = np.argsort(-shares, axis=1, kind="stable")[:, :TOP_CATEGORIES]
        best = np.round(np.take_along_axis(shares, order, axis=1).astype(np.float64), 4)
        return [
            "["
            + ", ".join(
                f'{{"category": {self._names[column]}, "score": {score}}}'
                for column, score in zip(columns, scores, strict=True)
            )
            + "]"
            for columns, scores in zip(order.tolist(), best.tolist(), strict=True)
        ]
