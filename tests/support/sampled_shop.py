"""Rows of a shop whose figures are known: products drawn alike, some judged by lot, some openly."""

from __future__ import annotations

import itertools
from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from moderation.models import Analysis, Decision, ModelVersion, Product, ReviewItem

THRESHOLD = 0.25
_numbers = itertools.count()


def add(
    count: int,
    *,
    version: ModelVersion,
    by: User,
    flagged: bool,
    lot: int = 0,
    judged: int = 0,
    wrong: int = 0,
    opened: int = 0,
    opened_wrong: int = 0,
    share: float = 0.02,
    former: float | None = None,
    weeks: int = 0,
) -> list[Product]:
    """`count` products that came in so many weeks ago, drawn alike, with one score.

    The first `lot` are in the random sample; of these `judged` were judged and `wrong` are
    mismatches. Of the others `opened` were judged for another reason, `opened_wrong` mismatches.
    """
    similarity = THRESHOLD - 0.1 if flagged else THRESHOLD + 0.1
    products = Product.objects.bulk_create(
        Product(
            external_id=f"S{next(_numbers)}",
            text="A ball",
            content_hash="c",
            audit_share=share,
            former_audit_share=former,
        )
        for _ in range(count)
    )
    rows = Analysis.objects.bulk_create(
        Analysis(
            product=one,
            model_version=version,
            status="done",
            content_hash="c",
            text="A ball",
            similarity=similarity,
            threshold_used=THRESHOLD,
            is_mismatch=flagged,
        )
        for one in products
    )
    came_in = timezone.now() - timedelta(weeks=weeks)
    answer = Analysis.objects.filter(product=OuterRef("pk")).values("pk")[:1]
    added = Product.objects.filter(pk__gte=products[0].pk)
    added.update(analysis=Subquery(answer), created_at=came_in)
    for one, row in zip(products, rows, strict=True):
        one.analysis = row
    verdicts = _verdicts(judged, wrong) + [""] * (lot - judged) + _verdicts(opened, opened_wrong)
    _judge(rows, verdicts, lot=lot, by=by, came_in=came_in)
    return products


def _verdicts(judged: int, wrong: int) -> list[str]:
    return ["confirm"] * wrong + ["dismiss"] * (judged - wrong)


def _judge(
    rows: list[Analysis], verdicts: list[str], *, lot: int, by: User, came_in: object
) -> None:
    items = ReviewItem.objects.bulk_create(
        ReviewItem(
            product=row.product,
            analysis=row,
            in_audit=number < lot,
            stratum="flagged" if row.is_mismatch else "audit",
            picked_by="audit" if number < lot else "suspicious",
            suspicion=0.5,
            state="decided" if verdict else "open",
        )
        for number, (row, verdict) in enumerate(zip(rows, verdicts, strict=False))
    )
    ReviewItem.objects.filter(pk__in=[item.pk for item in items]).update(opened_at=came_in)
    Decision.objects.bulk_create(
        Decision(item=item, analysis_id=item.analysis_id, moderator=by, verdict=verdict)
        for item, verdict in zip(items, verdicts, strict=True)
        if verdict
    )
