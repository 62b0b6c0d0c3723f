"""Passed analyses: finished, replaced by newer ones, and nobody's evidence for anything.

What stays, however old: a product's current analysis; each that an item of the queue or a decision
is about, and with them what quality, thresholds, calibration, appeals, exports and evaluations are
computed from; and the newest of each version about a product's present photo and text, now and at
each change of the active version, since a rollback puts the products back to those very rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q
from django.db.models.functions import Coalesce

from moderation.models import Analysis, Decision, PhotoSignature, Product, ProductPhoto, ReviewItem
from moderation.models.querysets import AnalysisQuerySet

from ..encoding import embeddings
from ..queries.one_parameter import among
from ..registry import version_log
from .periods import Kind

WINDOW = 20_000  # keys that are looked through at once
CHUNK = 500  # rows of one transaction
DONE, FAILED = Analysis.Status.DONE, Analysis.Status.FAILED


def remove(before: datetime, *, dry_run: bool) -> Iterator[Counter[str]]:
    """Remove those that were finished before then; yields after each step what went."""
    for low, high in pairwise((0, *_boundaries())):
        for start in range(low, high, WINDOW):
            end = min(start + WINDOW, high)
            found = list(
                _passed(before, up_to=high)
                .filter(pk__gt=start, pk__lte=end)
                .order_by("pk")
                .values_list("pk", "product")
            )
            yield Counter({Kind.ANALYSES: len(found)} if dry_run else {})
            for place in range(0, 0 if dry_run else len(found), CHUNK):
                yield _remove(found[place : place + CHUNK], before, up_to=high)


def _boundaries() -> list[int]:
    """The newest key of each moment to which a rollback may lead, and of now."""
    newest = Analysis.objects.aggregate(newest=Max("pk"))["newest"] or 0
    ends = version_log.switches().order_by().values_list("before__last_analysis", flat=True)
    return sorted({newest, *(end for end in ends if end and end < newest)})


def _passed(before: datetime, *, up_to: int) -> AnalysisQuerySet:
    """Those that may go, of keys between two boundaries; `up_to` is the upper one."""
    newer = Analysis.objects.filter(product=OuterRef("product"), pk__gt=OuterRef("pk"))
    stands_for_it = newer.filter(
        model_version=OuterRef("model_version"),
        content_hash=OuterRef("content_hash"),
        status=DONE,
        # Long done, so that it was there before this run asked for the boundaries.
        finished_at__lt=before,
        pk__lte=up_to,
    )
    this = OuterRef("pk")
    return (
        Analysis.objects.alias(ended_at=Coalesce("finished_at", "created_at"))
        .filter(status__in=[DONE, FAILED], ended_at__lt=before)
        .filter(
            ~Exists(Product.objects.filter(analysis=this)),
            ~Exists(ReviewItem.objects.filter(analysis=this)),
            ~Exists(Decision.objects.filter(analysis=this)),
        )
        .filter(
            Q(Exists(stands_for_it))
            | Q(Exists(newer)) & ~Q(content_hash=F("product__content_hash"))
        )
    )


def _remove(found: Sequence[tuple[int, int]], before: datetime, *, up_to: int) -> Counter[str]:
    products = sorted({product for _, product in found})
    with transaction.atomic():
        # First and in one order, as all who write them do: nobody makes an item of one meanwhile.
        held = Product.objects.select_for_update(no_key=True).filter(among("pk", products))
        list(held.order_by("pk").values_list("pk"))
        passed = _passed(before, up_to=up_to).filter(among("pk", [key for key, _ in found]))
        gone = list(passed.values_list("pk", "image_sha256", "text", "parts"))
        Analysis.objects.filter(among("pk", [key for key, *_ in gone])).delete()
        photos = {sha256 for _, sha256, *_ in gone if sha256}
        texts = {text for *_, text, _ in gone}
        texts |= {part[0] for *_, parts in gone for part in parts or ()}
        vectors = _forget(photos, texts, of=products)
    return Counter({Kind.ANALYSES: len(gone), Kind.VECTORS: vectors})


def _forget(photos: set[str], texts: set[str], *, of: Sequence[int]) -> int:
    """Drop what is cached of photos and texts that these products have no longer.

    Where another product has the same text, it is read once more when somebody asks.
    """
    own = Analysis.objects.filter(among("product", of)).order_by()
    texts -= set(Product.objects.filter(among("pk", of)).values_list("text", flat=True))
    texts -= set(own.values_list("text", flat=True).distinct())
    photos -= set(own.values_list("image_sha256", flat=True).distinct())
    shown = among("image_sha256", sorted(photos))
    for rows in (Product.objects.order_by(), ProductPhoto.objects.order_by()):
        photos -= set(rows.filter(shown).values_list("image_sha256", flat=True).distinct())
    PhotoSignature.objects.filter(among("image_sha256", sorted(photos))).delete()
    keys = {embeddings.text_sha256(text) for text in texts}
    keys.update(key for text in texts for key in embeddings.former_keys(text))
    removed, _ = embeddings.cached("image", sorted(photos)).delete()
    return removed + embeddings.cached("text", sorted(keys)).delete()[0]
