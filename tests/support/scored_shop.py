"""A shop in the database whose products are scored and partly judged, without asking a model."""

from __future__ import annotations

import numpy as np
from django.contrib.auth.models import User

from moderation.models import Analysis, Category, Decision, ModelVersion, Product, ReviewItem


def fill(
    version: ModelVersion,
    *,
    count: int = 400,
    mismatches: float = 0.2,
    category: str = "",
    prefix: str = "S",
    seed: int = 0,
) -> list[Product]:
    """Products with finished analyses; mismatches ("wrong ...") score around 0, others 0.5."""
    random = np.random.default_rng(seed)
    wrong = random.random(count) < mismatches
    scores = np.where(wrong, random.normal(0.0, 0.12, count), random.normal(0.5, 0.12, count))
    kind = Category.objects.get_or_create(name=category)[0] if category else None
    products = Product.objects.bulk_create(
        Product(
            external_id=f"{prefix}{number}",
            text=f"{'wrong' if wrong[number] else 'right'} {number}",
            image="products/none.jpg",
            category=kind,
            image_sha256=f"{number:064x}",
            content_hash=f"{prefix}{number}",
        )
        for number in range(count)
    )
    rows = Analysis.objects.bulk_create(
        Analysis(
            product=product,
            model_version=version,
            text=product.text,
            image="products/none.jpg",
            image_sha256=product.image_sha256,
            content_hash=product.content_hash,
            status=Analysis.Status.DONE,
            similarity=float(np.clip(score, -1, 1)),
            threshold_used=version.threshold,
            is_mismatch=bool(score < version.threshold),
        )
        for product, score in zip(products, scores, strict=True)
    )
    for product, row in zip(products, rows, strict=True):
        product.analysis = row
    Product.objects.bulk_update(products, ["analysis"])
    return products


def judge(products: list[Product], *, moderator: User, audit_share: float = 0.25) -> None:
    """Decide what is flagged, and of what passed every so manieth, as an audit."""
    step = round(1 / audit_share) if audit_share else 0
    for number, product in enumerate(products):
        assert product.analysis is not None
        flagged = bool(product.analysis.is_mismatch)
        drawn = bool(step) and number % step == 0
        if not flagged and not drawn:
            continue
        stratum = ReviewItem.Stratum.FLAGGED if flagged else ReviewItem.Stratum.AUDIT
        probability = 1.0 if flagged else audit_share
        item = ReviewItem.objects.create(
            product=product,
            analysis=product.analysis,
            state=ReviewItem.State.DECIDED,
            stratum=stratum,
            sampling_probability=probability,
            in_audit=drawn,
            suspicion=0.5,
        )
        wrong = product.text.startswith("wrong")
        Decision.objects.create(
            item=item,
            analysis=product.analysis,
            moderator=moderator,
            verdict=Decision.Verdict.CONFIRM if wrong else Decision.Verdict.DISMISS,
            reason=Decision.Reason.OTHER_PRODUCT if wrong else Decision.Reason.MATCHES,
            stratum=stratum,
            sampling_probability=probability,
        )
