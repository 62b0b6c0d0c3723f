"""Judging what is known already: cached vectors and former similarities, without a model."""

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
from moderation.models import Analysis, Category, ModelVersion, Product

from ..encoding import embeddings
from ..encoding.engine import TOP_CATEGORIES, active_categories, engine_for
from ..queries.one_parameter import among
from ..registry import files, versions
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


class Case(NamedTuple):
    """A product with the newest analysis of its present content by one model."""

    product_id: int
    external_id: str
    content_hash: str
    image_sha256: str
    text: str
    category_id: int | None
    current_id: int | None
    was_flagged: bool
    newest: Newest | None


def cases(products: QuerySet[Product], version: ModelVersion) -> list[Case]:
    """The cases of these products (a slice in the order of their keys), in three queries."""
    found = list(
        products.values_list(
            "pk",
            "external_id",
            "content_hash",
            "image_sha256",
            "text",
            "category_id",
            "analysis_id",
            "analysis__is_mismatch",
        )
    )
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
    return [Case(*row[:7], bool(row[7]), newest.get(row[0])) for row in found]


class Rescorer:
    """Thresholds, calibration and known vectors of one version, for many products."""

    def __init__(self, version: ModelVersion, *, threshold: float | None = None) -> None:
        self.version = version
        self._override = threshold
        self._calibration = version.calibrated
        self._categories: dict[int | None, tuple[float, str | None]]
        self._categories = {None: self._category(None)}
        for category in Category.objects.all():
            self._categories[category.pk] = self._category(category)

    def _category(self, category: Category | None) -> tuple[float, str | None]:
        """Threshold and name; neither changes while many products are judged."""
        limit = versions.threshold_for(self.version, category=category, override=self._override)
        return limit, category.name if category else None

    def _of(self, case: Case) -> tuple[float, str | None]:
        key = case.category_id
        if key is not None and key not in self._categories:  # made since
            self._categories[key] = self._category(Category.objects.filter(pk=key).first())
        return self._categories[key]

    def threshold(self, case: Case) -> float:
        """The threshold that holds for this product."""
        return self._of(case)[0]

    def is_recalibrated(self, case: Case) -> bool:
        """Whether the newest analysis has the P(mismatch) of another calibration."""
        newest = case.newest
        if newest is None or newest.similarity is None:
            return False
        wanted = self._p_mismatch(newest.similarity, self._of(case)[1])
        if wanted is None or newest.p_mismatch is None:
            return wanted is not newest.p_mismatch
        return abs(wanted - newest.p_mismatch) > SAME_P

    def _p_mismatch(self, similarity: float, category: str | None) -> float | None:
        curve = self._calibration
        return curve.p_mismatch(similarity, category) if curve else None

    def judge_anew(self, case: Case) -> NewAnalysis | None:
        """The answer by the similarity that the newest analysis found."""
        if case.newest is None or case.newest.similarity is None:
            return None
        return self._answer(case, case.newest.similarity)._replace(known_from=case.newest.pk)

    def _answer(self, case: Case, similarity: float) -> NewAnalysis:
        threshold, name = self._of(case)
        return NewAnalysis(
            product_id=case.product_id,
            external_id=case.external_id,
            content_hash=case.content_hash,
            similarity=similarity,
            p_mismatch=self._p_mismatch(similarity, name),
            threshold_used=threshold,
            is_mismatch=similarity < threshold,
        )

    def score(self, cases: Sequence[Case], *, ranked: bool = True) -> list[NewAnalysis | None]:
        """The answers by cached vectors, None where one of the two is not known.

        `ranked` adds the likeliest categories; their prompts are encoded once per version.
        """
        images, has_image = self.known.matrix("image", [case.image_sha256 for case in cases])
        hashes = [embeddings.text_sha256(case.text) for case in cases]
        texts, has_text = self.known.matrix("text", hashes)
        (both,) = np.nonzero(has_image & has_text)
        found: list[NewAnalysis | None] = [None] * len(cases)
        if not both.size:
            return found
        similarities = scoring.similarity(images[both], texts[both])
        tops = self.ranking.as_json(images[both]) if ranked else ["[]"] * len(both)
        for row, similarity, top in zip(both.tolist(), similarities.tolist(), tops, strict=True):
            answer = self._answer(cases[row], similarity)
            found[row] = answer._replace(top_categories=top, precision=self.known.precision)
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
        """For each image vector of [n, d] its likeliest categories, as an analysis stores them."""
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
