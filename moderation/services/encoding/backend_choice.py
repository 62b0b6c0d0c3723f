"""By which backend, and in which precision, a version runs on this machine.

What is set (`CLIP_BACKEND`, `CLIP_PRECISION`) comes first. Else it is what `manage.py
choose_backend` decided on this machine, kept in a file in `CLIP_EXPORT_DIR` that web processes and
workers read alike; else torch, as ever. Nothing is decided on the side: another backend or
precision has cached vectors of its own, and a catalogue would be encoded anew without anybody
having asked for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings

from moderation.clip.backends import choice
from moderation.clip.backends.choice import Choice
from moderation.clip.backends.export import model_key
from moderation.clip.configuration import AUTO
from moderation.clip.errors import ModelError
from moderation.models import Embedding, ModelVersion, Product

from ..registry import files
from ..rules import photos, reading
from ..rules.thresholds import Thresholds

if TYPE_CHECKING:
    from moderation.clip.backend_trial import Pairs

# With fewer pairs, a share of 0.5% cannot be told; then drawn products stand in.
LEAST_PAIRS = 200
_SIDE = 224  # pixels of a drawn picture, as much as most models read


def of(version: ModelVersion) -> Choice | None:
    """What was decided for this version on this machine, or for the one whose towers it has.

    One that differs in its projections alone is measured in that arithmetic before it is promoted,
    and takes its vectors from those of the other.
    """
    seen: set[int] = set()
    one: ModelVersion | None = version
    while one is not None and one.pk not in seen:
        found = _read(one)
        if found is not None:
            return found
        seen.add(one.pk)
        one = one.vision_of
    return None


def way(version: ModelVersion) -> tuple[str, str]:
    """The backend and the precision to load this version by; `auto` is left to the backend."""
    set_by_hand = settings.CLIP_BACKEND != AUTO
    return choice.resolved(
        None if set_by_hand else of(version),
        device=settings.CLIP_DEVICE,
        backend=settings.CLIP_BACKEND,
        precision=settings.CLIP_PRECISION,
    )


def in_words(version: ModelVersion) -> str:
    """By which backend this version runs on this machine, and what speaks for it, in a sentence."""
    backend, precision = way(version)
    how = f"By {backend}" if precision == AUTO else f"By {backend} in {precision}"
    if settings.CLIP_BACKEND != AUTO:
        return f"{how}, as CLIP_BACKEND says."
    found = of(version)
    if found is None or (found.backend, found.precision) != (backend, precision):
        return f"{how}; whether another backend is faster here, manage.py choose_backend finds out."
    row = next(one for one in found.tried if one.decision == "chosen")
    pairs = "pairs of the shop" if found.of_the_shop else "drawn pairs"
    return (
        f"{how}: {row.times} times as fast as torch in fp32 on this machine, and "
        f"{row.flips} of {found.pairs:,} {pairs} got another verdict."
    )


def choose(
    version: ModelVersion,
    *,
    most: float | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> Choice:
    """Try the backends on this version (minutes for a large model), and keep what is decided.

    From then on the processes of this machine run it so: each changes at its next request. `most`
    is the largest share of verdicts that may change. Raises `ModelError`.
    """
    from moderation.clip import backend_trial
    from moderation.clip.backends.device import choose_device

    if settings.CLIP_BACKEND != AUTO:
        raise ModelError(
            f"CLIP_BACKEND is set to {settings.CLIP_BACKEND}, so there is nothing to choose; set "
            "it to auto."
        )
    if (device := choose_device(settings.CLIP_DEVICE)) != "cpu":
        raise ModelError(f"The model runs on {device}, by torch: there is nothing to choose.")
    folder = files.folder_of(version)
    pairs = _shop_pairs(version) or _drawn_pairs(version)
    found = backend_trial.choose(
        folder,
        pairs,
        exports=settings.CLIP_EXPORT_DIR,
        precision=settings.CLIP_PRECISION,
        batch_size=settings.CLIP_BATCH_SIZE,
        most=backend_trial.MOST if most is None else most,
        tell=tell,
    )
    choice.write(settings.CLIP_EXPORT_DIR, _key(version), found)
    return found


def forget(version: ModelVersion) -> bool:
    """Let torch run this version again; False where nothing was decided for it here."""
    return choice.forget(settings.CLIP_EXPORT_DIR, _key(version))


def vectors_of_others(version: ModelVersion, arithmetic: str) -> int:
    """How many cached vectors of this version are of another arithmetic, and so of no more use."""
    return Embedding.objects.filter(model_version=version).exclude(precision=arithmetic).count()


def _key(version: ModelVersion) -> str:
    return model_key(version.weights_sha256, version.files_sha256)


def _read(version: ModelVersion) -> Choice | None:
    if not version.weights_sha256:  # registered by its name alone, and not loaded yet
        return None
    return choice.read(settings.CLIP_EXPORT_DIR, _key(version))


def _shop_pairs(version: ModelVersion) -> Pairs | None:
    """Up to 1,000 of the shop's listings that this version reads, always the same ones."""
    from moderation.clip.backend_trial import PAIRS, Pairs

    found = (
        Product.objects.scorable()
        .order_by("content_hash")
        .annotate(threshold=Thresholds(version).sql())
        .values_list("image", "text", "threshold", "category__name")[: 2 * PAIRS]
    )
    rows = [row for row in found if not reading.unreadable(version, row[1])][:PAIRS]
    if len(rows) < LEAST_PAIRS:
        return None
    return Pairs(
        images=[photos.source(row[0]) for row in rows],
        texts=[row[1] for row in rows],
        thresholds=np.array([row[2] for row in rows], dtype=float),
        categories=[row[3] or "" for row in rows],
        of_the_shop=True,
    )


def _drawn_pairs(version: ModelVersion) -> Pairs:
    """Drawn products, each with its own text and with that of the next one."""
    from moderation.clip.backend_trial import Pairs
    from moderation.demo import demo_products

    products = demo_products(LEAST_PAIRS, seed=1)
    pictures = [product.image(_SIDE) for product in products]
    texts = [product.text for product in products]
    return Pairs(
        images=[*pictures, *pictures],
        texts=[*texts, *texts[1:], texts[0]],
        thresholds=np.full(2 * len(products), Thresholds(version).general),
        categories=[product.category for product in products] * 2,
        of_the_shop=False,
    )
