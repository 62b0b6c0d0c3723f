"""Where the own categories of listings stand for their photos, as a model sees them."""

from __future__ import annotations

from typing import Any

import numpy as np

from moderation.clip.explanation.explain_category import Place, place_of
from moderation.clip.explanation.margins import Margins
from moderation.models import Analysis, Category

from ..encoding.engine import Engine


class OwnCategories:
    """The active categories; their vectors are known from the analyses."""

    def __init__(self, engine: Engine) -> None:
        self._scale = engine.encoder.logit_scale
        active = list(Category.objects.filter(is_active=True))
        self._rows = {category.pk: row for row, category in enumerate(active)}
        nouns = [category.prompt_noun for category in active]
        self._vectors = engine.category_vectors(nouns) if nouns else np.zeros((0, 0))

    def lead(self, row: Analysis, image: np.ndarray) -> float | None:
        """By how many logits another category leads; None without an active category."""
        found = self._place(row, image)
        return found.lead if found else None

    def denied(self, row: Analysis, image: np.ndarray, *, margins: Margins) -> dict[str, Any]:
        """What is stored where the category may be said not to fit, else nothing."""
        found, category = self._place(row, image), row.product.category
        if found is None or category is None or not margins.category.denies(found.lead):
            return {}
        return {"category": {"name": category.name, "rank": found.rank, "of": found.of}}

    def _place(self, row: Analysis, image: np.ndarray) -> Place | None:
        category = row.product.category
        own = self._rows.get(category.pk) if category else None
        if own is None:
            return None
        return place_of(image, self._vectors, own=own, logit_scale=self._scale)
