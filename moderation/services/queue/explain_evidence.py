"""What explanations compare a listing with: its category's scores and what people decided lately.

Read once and kept for a minute in each process, since batches come by the second.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from moderation.clip.explanation.margins import reaches
from moderation.models import Decision, Product
from moderation.models.querysets import DecisionQuerySet

from ..encoding import embeddings
from ..encoding.engine import Engine

KEPT_SECONDS = 60.0
SCORES_READ = 2000  # of a category, the newest products
DECISIONS_READ = 2000  # the newest that stand
FEWEST = 20  # of a category: fewer are nothing to compare with
NEAREST = 3


@dataclass(frozen=True)
class Decided:
    """n listings that people decided, as this model sees them; the newest first."""

    pks: list[int] = field(default_factory=list)
    products: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    images: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    texts: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))

    def nearest(
        self, image: np.ndarray, text: np.ndarray, *, product_id: int, limit: float | None
    ) -> list[tuple[int, float]]:
        """Up to `NEAREST` (decision, mean of the two cosines), nearest first, one per product.

        None that is less close than `limit`; without one, nothing is known to be near.
        """
        if not self.pks:
            return []
        closeness = (self.images @ image + self.texts @ text) / 2  # [n]
        found: dict[int, tuple[int, float]] = {}
        for row in np.argsort(-closeness, kind="stable"):
            if not reaches(float(closeness[row]), limit) or len(found) == NEAREST:
                break
            product = int(self.products[row])
            if product != product_id:
                found.setdefault(product, (self.pks[row], round(float(closeness[row]), 4)))
        return list(found.values())


@dataclass
class Evidence:
    """The comparisons for one engine, as they were at one moment."""

    engine: Engine
    decided: Decided
    made_at: float = field(default_factory=time.monotonic)
    _scores: dict[int, np.ndarray] = field(default_factory=dict)

    def place(self, *, category_id: int, similarity: float) -> tuple[float, int] | None:
        """(share of the category's current analyses that score lower, of how many), or None."""
        scores = self._scores.get(category_id)
        if scores is None:
            scores = self._scores[category_id] = self._read_scores(category_id)
        if len(scores) < FEWEST:
            return None
        return round(float((scores < similarity).mean()), 4), len(scores)

    def _read_scores(self, category_id: int) -> np.ndarray:
        newest = (
            Product.objects.present()
            .filter(
                category=category_id,
                analysis__model_version=self.engine.version_id,
                analysis__similarity__isnull=False,
            )
            .order_by("-pk")
        )
        return np.array(newest.values_list("analysis__similarity", flat=True)[:SCORES_READ])


_kept: Evidence | None = None


def evidence_for(engine: Engine) -> Evidence:
    """The evidence of this process, at most `KEPT_SECONDS` old."""
    global _kept
    kept = _kept
    if kept is None or kept.engine is not engine or time.monotonic() - kept.made_at > KEPT_SECONDS:
        kept = _kept = Evidence(engine, _decided(engine))
    return kept


def shown(decisions: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Those of these decisions that stand and may be shown now, by key, in one query."""
    fields = (
        *("pk", "verdict", "reason", "item_id", "item__product__external_id"),
        *("analysis__text", "analysis__image"),
    )
    found = _may_be_shown().filter(pk__in=list(decisions)).values(*fields)
    return {row["pk"]: row for row in found}


def _may_be_shown() -> DecisionQuerySet:
    """What people decided first, and stands, of products that nobody is asked about blind now.

    A person asked for a second opinion must not have seen the first one beside another listing.
    """
    return Decision.objects.standing().by_people().may_be_shown().filter(item__second_of=None)


def _decided(engine: Engine) -> Decided:
    rows = list(
        _may_be_shown()
        .order_by("-pk")
        .values_list("pk", "item__product_id", "analysis__image_sha256", "analysis__text")[
            :DECISIONS_READ
        ]
    )
    known = embeddings.known_of(engine)
    images, has_image = known.matrix("image", [sha for *_, sha, _ in rows])
    texts, has_text = known.matrix("text", [embeddings.text_sha256(text) for *_, text in rows])
    (both,) = np.nonzero(has_image & has_text)
    if not both.size:
        return Decided()
    return Decided(
        [rows[row][0] for row in both],
        np.array([rows[row][1] for row in both]),
        images[both],
        texts[both],
    )
