"""Pending requests to a version: analyses requested that no worker has claimed yet."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from moderation.models import Analysis, ModelVersion, Product

MOVED_AT_ONCE = 500


def request(
    products: Sequence[Product], *, version: ModelVersion, threshold: float | None = None
) -> int:
    """Request an analysis of each product as it is now; returns how many rows are new.

    Requesting twice is harmless: a product has at most one live analysis per content and version.
    """
    with transaction.atomic():
        before = _live_count(products, version)
        Analysis.objects.bulk_create(
            [_pending(product, version, threshold) for product in products],
            ignore_conflicts=True,
            batch_size=500,
        )
        return _live_count(products, version) - before


def move(old: ModelVersion, *, to: ModelVersion) -> None:
    """Move the pending requests of the old version to the new one.

    Chunk by chunk, so that no moment holds a whole catalogue; what was cut off can be repeated.
    """
    if old.pk == to.pk:
        return
    waiting = Analysis.objects.pending().filter(model_version=old).order_by("pk")
    while True:
        with transaction.atomic():
            chunk = list(waiting.select_for_update().values_list("pk", "product")[:MOVED_AT_ONCE])
            if not chunk:
                return
            Analysis.objects.pending().filter(pk__in=[pk for pk, _ in chunk]).delete()
            products = Product.objects.filter(pk__in=[product for _, product in chunk])
            request(list(products), version=to)


def _live_count(products: Sequence[Product], version: ModelVersion) -> int:
    return Analysis.objects.live().filter(product__in=products, model_version=version).count()


def _pending(product: Product, version: ModelVersion, threshold: float | None) -> Analysis:
    return Analysis(
        product=product,
        model_version=version,
        text=product.text,
        image=product.image.name or "",
        image_sha256=product.image_sha256,
        content_hash=product.content_hash,
        threshold_override=threshold,
    )
