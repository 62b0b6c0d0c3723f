"""Whether a version still knows products in general: the categories of the catalogue's photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from django.db.models import BigIntegerField, Exists, ExpressionWrapper, F, OuterRef

from moderation.clip.errors import ImageError
from moderation.clip.statistics.gate import ZeroShot
from moderation.models import Category, Decision, ModelVersion, Product

from ..encoding import embeddings
from ..encoding.engine import engine_for
from ..rules import photos

SAMPLE = 500
_CHUNK = 256
_FACTOR = 2654435769  # 2**32 by the golden ratio: neighbours fall far apart


def compare(candidate: ModelVersion, active: ModelVersion) -> ZeroShot | None:
    """How both versions sort a sample of the catalogue into its active categories.

    None where products have fewer than two categories. The sample is the same at every call: drawn
    at random from the products with a category, without those confirmed as mismatches.
    """
    categories = list(Category.objects.filter(is_active=True).order_by("pk"))
    products = _sample(categories)
    if len(categories) < 2 or not products:
        return None
    found = [_sorted_well(version, products, categories) for version in (active, candidate)]
    known = np.isfinite(found[0]) & np.isfinite(found[1])
    return ZeroShot(active=found[0][known] == 1, candidate=found[1][known] == 1)


def _sample(categories: Sequence[Category]) -> list[Product]:
    """Those with the smallest hashes of their keys, which the database finds in one pass."""
    wrong = Decision.objects.standing().filter(
        verdict=Decision.Verdict.CONFIRM, analysis__product=OuterRef("pk")
    )
    # Multiplicative hashing; the factors are such that no product exceeds 63 bits.
    order = ExpressionWrapper(F("pk") % 2**31 * _FACTOR % 2**32, BigIntegerField())
    drawn = Product.objects.scorable().filter(~Exists(wrong), category__in=categories)
    drawn = drawn.annotate(random_order=order)
    return sorted(drawn.order_by("random_order", "pk")[:SAMPLE], key=lambda product: product.pk)


def _sorted_well(
    version: ModelVersion, products: Sequence[Product], categories: Sequence[Category]
) -> np.ndarray:
    """[n] 1 where the most likely category is the product's, 0 where not, NaN without a photo."""
    engine = engine_for(version)
    prompts = engine.category_vectors([category.prompt_noun for category in categories])
    place = {category.pk: number for number, category in enumerate(categories)}
    right = np.full(len(products), np.nan)
    for start in range(0, len(products), _CHUNK):
        part = products[start : start + _CHUNK]
        images = embeddings.image_vectors(
            engine, [(p.image_sha256, photos.source(p.image.name or "")) for p in part]
        )
        for number, product in enumerate(part, start):
            image = images[product.image_sha256]
            if not isinstance(image, ImageError):
                best = int(np.argmax(prompts @ image))
                right[number] = best == place.get(product.category_id or 0)
    return right
