"""Decisions as scored labels: what the calibration of a version is fitted on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, Exists, F, OuterRef, Q, When

from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Decision, ModelVersion

from ..queries.streamed import streamed
from ..rules import sampling
from .learned_from import Names, names_learned

# Enough for any interval, and few enough to be read while a page is built.
NEWEST = 20_000


@dataclass(frozen=True)
class ScoredLabel:
    """One judged product under one version. `weight` is 1 / (probability of being chosen)."""

    similarity: float
    is_match: bool
    weight: float
    drawn_for_gold: bool
    category: str


def judged(version: ModelVersion) -> list[ScoredLabel]:
    """The newest standing label of each content that this version has scored, newest first.

    Excluded: verdicts by a band's automatic action; those taken over from a similar item, which
    would count one judgement many times; "cannot be told from the photo"; withdrawn products;
    products whose present score is of another version, other content or a former text preparation;
    what came back only because it changed; what no model has read; and pairs that the version's
    weights have learned from: of those it knows too much. Where it is no longer known which
    those are, only products drawn for gold stay.
    """
    newer = Decision.objects.standing().filter(
        analysis__product=OuterRef("analysis__product"),
        analysis__content_hash=OuterRef("analysis__content_hash"),
        pk__gt=OuterRef("pk"),
    )
    current, product = "analysis__product__analysis", "analysis__product"
    as_decided = Q(analysis__model_version=version, analysis__preparation=PREPARATION)
    as_scored_now = Q(
        **{
            f"{current}__model_version": version,
            f"{current}__preparation": PREPARATION,
            f"{current}__content_hash": F("analysis__content_hash"),
        }
    )
    chosen = (
        Decision.objects.labels()
        .by_people()
        .of_present_products()
        .filter(~Exists(newer))
        .exclude(stratum__in=sampling.BY_NO_DRAW)
        .annotate(
            score=Case(
                When(as_decided, then=F("analysis__similarity")),
                When(as_scored_now, then=F(f"{current}__similarity")),
            )
        )
        .filter(score__isnull=False)
    )
    seen = names_learned(version)
    return list(_rows(chosen, seen, category=f"{product}__category__name"))


def _rows(decisions: Any, seen: Names, *, category: str) -> Iterator[ScoredLabel]:
    fields = ("score", "verdict", "sampling_probability", category)
    pair = ("analysis__product__external_id", "analysis__image_sha256", "analysis__text")
    newest = decisions.order_by("-pk").values_list(*fields, *pair)[:NEWEST]
    with streamed(newest) as rows:
        for score, verdict, probability, name, product, sha256, text in rows:
            if seen.hold(sha256, text) or not (seen.is_whole or sampling.drawn_for_gold(product)):
                continue
            yield ScoredLabel(
                similarity=score,
                is_match=Decision.Verdict(verdict).is_match,
                weight=1 / min(max(probability, 1e-6), 1.0),
                drawn_for_gold=sampling.drawn_for_gold(product),
                category=name or "",
            )
