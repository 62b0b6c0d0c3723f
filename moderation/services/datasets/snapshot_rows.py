"""What a snapshot is made of: the labels that people agree on, and the shop's own listings."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.db.models import F, Q

from moderation.models import Decision, ModelVersion, Product, ReviewItem

from ..queries.lookup import category_by_name
from ..queries.streamed import streamed
from ..rules import sampling
from .dataset_manifest import Filters, utc_text
from .dataset_rows import chosen, label_of, walk
from .snapshot_manifest import SnapshotManifest

# For fitting, not for estimates: those are made with the `analysis_weight` of an export.
# 1/p beyond it would let a handful of rows decide: ten labels of weight 50 among a thousand of
# weight 1 halve the effective number of labels (Kish: the squared sum by the sum of squares).
MAX_WEIGHT = 10.0
WEIGHT_RULE = (
    f"1 / sampling_probability, at most {MAX_WEIGHT:g}, divided by the mean of the part; "
    "1 before that where everything of the kind was judged; times "
    f"{settings.GROUP_LABEL_WEIGHT:g} where the verdict was taken over from a similar item"
)
_CHUNK = 500

GROUP = Decision.Mode.GROUP

Label = dict[str, Any]


def labels(filters: Filters, manifest: SnapshotManifest) -> Iterator[Label]:
    """One row for each judged content, the first decided first. Raises `UnknownName`.

    `is_gold`: two people said the same of it. `is_drawn`: its product may become gold. What two
    people disagree on, or could not tell, is excluded and counted. What was taken over from a
    similar item is a copy: never gold, and with less weight.
    """
    others = _opinions()
    found = []
    with walk(chosen(filters)) as rows:
        for row in rows:
            other = others.get(row["second_of"] or row["second"])
            if other and (not _is_of_another(other, row) or row["mode"] == GROUP):
                other = None
            if not Decision.Reason.are_labels(row["reason"], other["reason"] if other else ""):
                manifest.left_out["unclear"] += 1
            elif other and other["verdict"] != row["verdict"]:
                manifest.left_out["disagreement"] += 1
            else:
                found.append(_label(row, is_gold=other is not None))
    return iter(sorted(found, key=lambda row: row["first_decision"]))


def _opinions() -> dict[int, Mapping[str, Any]]:
    """The standing decision of a person on each item of a pair of first and second opinion."""
    is_paired = Q(item__second_of__isnull=False) | Q(item__second_opinion__isnull=False)
    paired = Decision.objects.standing().by_people().filter(is_paired)
    columns = paired.order_by("pk").values(
        *("item_id", "moderator_id", "verdict", "reason", "photo"),
        content_hash=F("analysis__content_hash"),
    )
    with streamed(columns) as rows:
        return {row["item_id"]: row for row in rows}


def _is_of_another(other: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether somebody else said it, of the same photo and text."""
    same_content = (other["content_hash"], other["photo"] or 0) == (
        row["content_hash"],
        row["photo"] - 1,
    )
    return bool(same_content and other["moderator_id"] != row["moderator_id"])


def _label(row: Mapping[str, Any], *, is_gold: bool) -> Label:
    stratum = row["stratum"] or ReviewItem.Stratum.FLAGGED  # decided before there was an audit
    worth = settings.GROUP_LABEL_WEIGHT if row["mode"] == GROUP else 1.0
    return {
        **row,
        "label": label_of(row["verdict"]),
        "category": row["category"] or "",
        "decision_id": row["pk"],
        "decided_at": utc_text(row["created_at"]),
        "stratum": stratum,
        "source": _source(row, stratum, is_gold=is_gold),
        "is_gold": is_gold,
        "is_drawn": is_gold or sampling.drawn_for_gold(row["product_id"]),
        "raw_weight": worth * min(1 / max(row["sampling_probability"], 1e-9), MAX_WEIGHT),
    }


def _source(row: Mapping[str, Any], stratum: str, *, is_gold: bool) -> str:
    if is_gold:
        return "gold"
    if row["mode"] == GROUP:
        return "group"
    if stratum == ReviewItem.Stratum.AUDIT or row["in_audit"]:
        return "audit"
    if stratum == ReviewItem.Stratum.REOPENED:
        return "reopened"
    if stratum in (
        ReviewItem.Stratum.UNREADABLE,
        ReviewItem.Stratum.PHOTO,
        ReviewItem.Stratum.JUDGE,
    ):
        return str(stratum)
    if row["picked_by"] == ReviewItem.Pick.UNCERTAIN:
        return "uncertain"
    return "flagged"


def listings(
    filters: Filters, manifest: SnapshotManifest, *, seed: int, at_most: int
) -> list[dict[str, Any]]:
    """The shop's products with what they show now, except those confirmed as wrong or drawn.

    Where there are more than `at_most`, those whose ids have the smallest hashes: a stable random
    sample, found with one pass over the ids. Of the filters only the category counts.
    """
    products = Product.objects.scorable().order_by("pk")
    if filters.category is not None:
        products = products.filter(category=category_by_name(filters.category))
    confirmed = (
        Decision.objects.standing()
        .filter(
            verdict=Decision.Verdict.CONFIRM,
            photo=None,
            analysis__content_hash=F("analysis__product__content_hash"),
        )
        .values_list("analysis__product_id", flat=True)
    )
    with streamed(confirmed) as rows:
        wrong = set(rows)
    manifest.listings.update(products=0, confirmed_mismatches=0, kept_for_judging=0)

    def candidates() -> Iterator[tuple[bytes, int]]:
        with streamed(products.values_list("pk", "external_id")) as rows:
            for pk, external_id in rows:
                manifest.listings["products"] += 1
                if pk in wrong:
                    manifest.listings["confirmed_mismatches"] += 1
                elif sampling.kept_for_judging(external_id):
                    manifest.listings["kept_for_judging"] += 1
                else:
                    yield hashlib.sha256(f"listing {seed} {external_id}".encode()).digest()[:8], pk

    sample = sorted(pk for _, pk in heapq.nsmallest(at_most, candidates()))
    manifest.listings["sampled"] = len(sample)
    active = ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).first()
    manifest.active_model = active.name if active else ""
    return list(_details(sample, active))


def _details(sample: list[int], active: ModelVersion | None) -> Iterator[dict[str, Any]]:
    for start in range(0, len(sample), _CHUNK):
        rows = Product.objects.filter(pk__in=sample[start : start + _CHUNK]).order_by("pk")
        for row in rows.values(
            "text",
            "image",
            "image_sha256",
            "content_hash",
            "external_id",
            judged=F("analysis__content_hash"),
            version=F("analysis__model_version"),
            score=F("analysis__similarity"),
            category_name=F("category__name"),
        ):
            scored = active and row["version"] == active.pk and row["judged"] == row["content_hash"]
            yield {
                **row,
                "product_id": row["external_id"],
                "category": row["category_name"] or "",
                "similarity": row["score"] if scored else None,
            }
