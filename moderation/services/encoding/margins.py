"""What the explanations of a model version may say: its margins, measured once for each version.

A model folder may bring them along (`explanations` in its `clipmod.json`), measured on real photos;
else the worker measures them on drawn products before it explains for the first time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from moderation.clip.explanation.margins import Margins
from moderation.models import Analysis, ModelVersion

from ..registry.registering import MARGINS
from ..worker import heartbeat

if TYPE_CHECKING:
    from moderation.clip.encoder import Encoder
    from moderation.clip.explanation.measure import KnownListings

    from .engine import Engine

LISTINGS = 53  # drawn, each twice: another picture and title of the same kind and colour
_SIDE = 224  # pixels, as much as most models read

# By weights and arithmetic, whichever version or database they are registered in.
_measured: dict[tuple[str, str, str], Margins] = {}


def of(version: ModelVersion) -> Margins | None:
    """The margins of this version, or None where they were not measured yet."""
    stored = version.metrics.get(MARGINS)
    return Margins.from_json(stored) if stored else None


def measured(engine: Engine) -> Margins:
    """The margins of this engine's version, measured (seconds) and stored where they were not."""
    version = ModelVersion.objects.get(pk=engine.version_id)
    stored = of(version)
    if stored is not None:
        return stored
    key = version.weights_sha256, version.files_sha256, engine.encoder.arithmetic
    if key not in _measured:
        with heartbeat.beating(heartbeat.me(), doing="measuring what may be explained"):
            _measured[key] = on_drawn_products(engine.encoder)
    _store(version, _measured[key])
    return _measured[key]


def trusts_guess(analysis: Analysis) -> bool:
    """Whether the model of this analysis may be quoted on what its photo looks like."""
    margins, ranked = of(analysis.model_version), analysis.top_categories
    return margins is not None and bool(ranked) and margins.trusts_guess(ranked[0]["score"])


def on_drawn_products(encoder: Encoder) -> Margins:
    """Measure a model on pictures that are drawn for it."""
    from moderation.clip.explanation.measure import measure

    return measure(
        drawn_listings(encoder), encode_texts=encoder.encode_texts, logit_scale=encoder.logit_scale
    )


def drawn_listings(encoder: Encoder) -> KnownListings:
    """Drawn listings with their kinds, by the nouns of the categories that come with clipmod."""
    from moderation.clip.explanation.measure import KnownListings
    from moderation.clip.prompts import DEFAULT_CATEGORIES
    from moderation.demo import KINDS, demo_products

    products = [
        twin for product in demo_products(LISTINGS, seed=1) for twin in (product, product.again())
    ]
    known = dict(DEFAULT_CATEGORIES)
    names = {kind.category for kind in KINDS.values()}
    nouns = {name: known.get(name, name.lower()) for name in sorted(names)}
    return KnownListings(
        encoder.encode_images([product.image(_SIDE) for product in products]),
        [product.text for product in products],
        [nouns[product.category] for product in products],
        list(nouns.values()),
    )


def _store(version: ModelVersion, margins: Margins) -> None:
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update().get(pk=version.pk)
        locked.metrics = {**locked.metrics, MARGINS: margins.as_json()}
        locked.save(update_fields=["metrics"])
