"""Finished analyses by the thousand: appended, pointed at and put before the queue as sets.

What `results.settle` does row by row for a worker's batch is done here for a chunk of products
whose similarity is known already. The tables end the same: each answer is a new, complete row,
its product points at it, and the queue follows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Max
from django.utils import timezone

from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Analysis, Decision, ModelVersion, Product, ReviewItem

from ..queries.one_parameter import among
from ..queue import draws
from ..registry import versions
from ..rules import sampling
from . import results, second_judge

# Photo and text come from where they stand, so they are neither read nor sent; a product whose
# content changed meanwhile gets no row.
_COLUMNS = """
INSERT INTO moderation_analysis (
    product_id, text, image, image_sha256, content_hash, top_categories, precision,
    preparation, parts, photos, model_version_id, threshold_override, similarity, p_mismatch,
    threshold_used, is_mismatch, unreadable, created_at, finished_at, status, attempts,
    claimed_by, error
)"""
_SCORED = f"""{_COLUMNS}
SELECT p.id, p.text, p.image, p.image_sha256, p.content_hash, %s, %s, %s,
    %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'done', 0, '', ''
FROM moderation_product p WHERE p.id = %s AND p.content_hash = %s"""
_JUDGED_AGAIN = f"""{_COLUMNS}
SELECT p.id, known.text, known.image, p.image_sha256, p.content_hash, known.top_categories,
    known.precision, known.preparation, %s, %s, %s, %s, known.similarity, %s, %s, %s, %s, %s, %s,
    'done', 0, '', ''
FROM moderation_analysis known JOIN moderation_product p
    ON p.id = known.product_id AND p.content_hash = known.content_hash
WHERE known.id = %s"""
_POINT = """
UPDATE moderation_product SET analysis_id = fresh.id FROM moderation_analysis AS fresh
WHERE fresh.id > %s AND fresh.created_at = %s AND fresh.product_id = moderation_product.id"""


class NewAnalysis(NamedTuple):
    """One finished analysis to be: of vectors, or of the similarity that a previous one found."""

    product_id: int
    external_id: str
    content_hash: str
    similarity: float | None
    p_mismatch: float | None
    threshold_used: float | None
    is_mismatch: bool | None
    unreadable: str = ""
    known_from: int | None = None  # the analysis with this similarity
    top_categories: str = "[]"  # JSON
    precision: str = ""
    parts: str | None = None  # JSON
    photos: str | None = None  # JSON
    has_misfit: bool = False  # among the further photos


def write(
    answers: Sequence[NewAnalysis], *, version: ModelVersion, threshold_override: float | None
) -> None:
    """Append the analyses, all or none, and let products and queue follow.

    Raises `Replaced` and `Changed`.
    """
    if not answers:
        return
    ids = [answer.product_id for answer in answers]
    with transaction.atomic():
        versions.check_as_it_was(version)
        # In one order, as every writer of answers does, so that none wait in a ring.
        list(
            Product.objects.select_for_update(no_key=True)
            .filter(among("pk", ids))
            .order_by("pk")
            .values_list("pk")
        )
        floor = Analysis.objects.aggregate(newest=Max("pk"))["newest"] or 0
        now = timezone.now()
        _insert(answers, version=version, threshold_override=threshold_override, now=now)
        with connection.cursor() as cursor:
            cursor.execute(_POINT, [floor, _adapted(now)])
        fresh = Analysis.objects.filter(pk__gt=floor, created_at=now).defer("top_categories")
        second_judge.ask_near(fresh, version=version)
        moved = _concerned(answers, ids, version)
        draws.mark(sorted(set(ids).difference(moved)), version=version)
        concerned = list(fresh.filter(among("product", moved)))
        for row in concerned:
            row.model_version = version  # one object, with its calibration read once
        results.settle(concerned)


def _insert(
    answers: Sequence[NewAnalysis],
    *,
    version: ModelVersion,
    threshold_override: float | None,
    now: datetime,
) -> None:
    stamp = _adapted(now)
    head = (version.pk, threshold_override)
    scored: list[tuple[Any, ...]] = []
    judged_again: list[tuple[Any, ...]] = []
    for a in answers:
        verdict = (a.p_mismatch, a.threshold_used, a.is_mismatch, a.unreadable, stamp, stamp)
        if a.known_from is None:
            ranked = (a.top_categories, a.precision, PREPARATION, a.parts, a.photos)
            key = (a.product_id, a.content_hash)
            scored.append((*ranked, *head, a.similarity, *verdict, *key))
        else:
            judged_again.append((a.parts, a.photos, *head, *verdict, a.known_from))
    with connection.cursor() as cursor:
        for sql, rows in ((_SCORED, scored), (_JUDGED_AGAIN, judged_again)):
            if rows:
                cursor.executemany(sql, rows)


def _concerned(
    answers: Iterable[NewAnalysis], ids: Sequence[int], version: ModelVersion
) -> list[int]:
    """The products whose answer may move the queue; for the others it would find nothing to do."""
    near = sampling.near_margin(version)
    waiting = ReviewItem.objects.open().filter(among("product", ids))
    changed = (
        Decision.objects.standing()
        .by_people()
        .filter(among("analysis__product", ids))
        .exclude(analysis__content_hash=F("analysis__product__content_hash"))
    )
    entering = {answer.product_id for answer in answers if _enters(answer, near=near)}
    return sorted(
        entering.union(
            waiting.values_list("product_id", flat=True),
            changed.order_by().values_list("analysis__product", flat=True),
        )
    )


def _enters(answer: NewAnalysis, *, near: float) -> bool:
    """Whether the product is flagged, or cannot be read and is wanted, or passed and is drawn."""
    if answer.is_mismatch or answer.has_misfit:
        return True
    if answer.unreadable:
        return sampling.entry_of_unreadable() is not None
    if sampling.random_number(answer.external_id) >= settings.AUDIT_SHARE * sampling.NEAR_FACTOR:
        return False  # nearly all: not even near the threshold
    row = Analysis(
        similarity=answer.similarity, threshold_used=answer.threshold_used, is_mismatch=False
    )
    return sampling.entry(row, external_id=answer.external_id, near=near) is not None


def _adapted(moment: datetime) -> Any:
    """The moment as this database's driver takes it."""
    return connection.ops.adapt_datetimefield_value(moment)
