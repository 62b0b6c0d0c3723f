"""Decisions as scored labels: what calibration and thresholds of a version are fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, When

from moderation.models import Decision, ModelVersion, ReviewItem

from . import audit

# Enough for any interval, and few enough to be read while a page is asked for.
NEWEST = 20_000


@dataclass(frozen=True)
class Judged:
    """One judged product under one version. `weight` is 1 / (probability of being chosen)."""

    similarity: float
    is_match: bool
    weight: float
    in_audit: bool
    drawn_for_gold: bool
    category: str


def judged(version: ModelVersion, *, own_thresholds: bool = True) -> list[Judged]:
    """The newest standing label of each content that this version has scored, newest first.

    Left out: verdicts by a band's automatic action, "cannot be told from the photo", and products
    whose present score is of another version and other content. `own_thresholds` False leaves out
    categories whose threshold was set by hand.
    """
    newer = Decision.objects.standing().filter(
        analysis__product=OuterRef("analysis__product"),
        analysis__content_hash=OuterRef("analysis__content_hash"),
        pk__gt=OuterRef("pk"),
    )
    current, product = "analysis__product__analysis", "analysis__product"
    as_decided = Q(analysis__model_version=version)
    as_scored_now = Q(
        **{
            f"{current}__model_version": version,
            f"{current}__content_hash": F("analysis__content_hash"),
        }
    )
    chosen = (
        Decision.objects.standing()
        .filter(~Exists(newer), verdict__in=[Decision.Verdict.CONFIRM, Decision.Verdict.DISMISS])
        .exclude(mode=Decision.Mode.AUTOMATIC)
        .exclude(reason=Decision.Reason.UNCLEAR)
        .annotate(
            score=Case(
                When(as_decided, then=F("analysis__similarity")),
                When(as_scored_now, then=F(f"{current}__similarity")),
            )
        )
        .filter(score__isnull=False)
    )
    if not own_thresholds:
        chosen = chosen.filter(**{f"{product}__category__threshold__isnull": True})
    return list(_rows(chosen, category=f"{product}__category__name"))


def _rows(decisions: Any, *, category: str) -> Iterator[Judged]:
    fields = ("score", "verdict", "sampling_probability", "stratum", "item__in_audit", category)
    external_id = "analysis__product__external_id"
    for score, verdict, probability, stratum, in_audit, name, product in (
        decisions.order_by("-pk").values_list(*fields, external_id)[:NEWEST].iterator()
    ):
        yield Judged(
            similarity=score,
            is_match=verdict == Decision.Verdict.DISMISS,
            weight=1 / min(max(probability, 1e-6), 1.0),
            in_audit=in_audit or stratum == ReviewItem.Stratum.AUDIT,
            drawn_for_gold=audit.drawn_for_gold(product),
            category=name or "",
        )
