"""Which decisions become labels, as plain rows. The rules stand in `dataset`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Coalesce

from moderation.models import Decision
from moderation.models.querysets import DecisionQuerySet

from ..queries.lookup import category_by_name, version_by_name
from ..queries.streamed import streamed
from .dataset_manifest import Filters


def label_of(verdict: str) -> int:
    """1 where photo and text match, 0 where not."""
    return int(Decision.Verdict(verdict).is_match)


def _newest() -> DecisionQuerySet:
    by_hand = Decision.objects.standing().exclude(mode=Decision.Mode.AUTOMATIC)
    by_hand = by_hand.alias(which=Coalesce("photo", 0))
    newer = by_hand.filter(
        analysis__product=OuterRef("analysis__product"),
        analysis__content_hash=OuterRef("analysis__content_hash"),
        which=OuterRef("which"),
        pk__gt=OuterRef("pk"),
    )
    return by_hand.filter(~Exists(newer))


def chosen(filters: Filters) -> DecisionQuerySet:
    """The newest verdict of a person on each pair, where it passes the filters.

    A pair is a text and one photo; of a listing with several photos there may be several.

    A verdict that a person took over for a similar item is one too; its `mode` says so. None on
    listings that were withdrawn. Raises `UnknownName`.
    """
    category, model = filters.category, filters.model
    conditions = {
        "created_at__gte": filters.since,
        "created_at__lt": filters.until,
        "analysis__product__category": None if category is None else category_by_name(category),
        "analysis__model_version": None if model is None else version_by_name(model),
        "verdict": filters.verdict,
        "pk__in": filters.decision_ids,
    }
    return (
        _newest()
        .of_present_products()
        .filter(**{name: value for name, value in conditions.items() if value is not None})
    )


@contextmanager
def walk(decisions: DecisionQuerySet) -> Iterator[Iterator[Mapping[str, Any]]]:
    """Plain rows, oldest decision first, a few at a time, each with the photo that it speaks of."""
    first = (
        Decision.objects.filter(
            analysis__product=OuterRef("analysis__product"),
            analysis__content_hash=OuterRef("analysis__content_hash"),
        )
        .order_by("pk")
        .values("pk")[:1]
    )
    columns = decisions.order_by("pk").values(
        *("pk", "verdict", "reason", "wrong_side", "moderator_id", "mode", "created_at"),
        *("stratum", "picked_by", "sampling_probability", "item_id", "photo"),
        text=F("analysis__text"),
        image=F("analysis__image"),
        image_sha256=F("analysis__image_sha256"),
        content_hash=F("analysis__content_hash"),
        similarity=F("analysis__similarity"),
        p_mismatch=F("analysis__p_mismatch"),
        threshold_used=F("analysis__threshold_used"),
        product_id=F("analysis__product__external_id"),
        category=F("analysis__product__category__name"),
        model_version=F("analysis__model_version__name"),
        weights_sha256=F("analysis__model_version__weights_sha256"),
        in_audit=F("item__in_audit"),
        second_of=F("item__second_of"),
        second=F("item__second_opinion"),
        photos=F("analysis__photos"),
        first_decision=first,
    )
    with streamed(columns) as rows:
        yield map(_with_its_photo, rows)


def _with_its_photo(row: dict[str, Any]) -> dict[str, Any]:
    """The row of a decision on a further photo has that one's file and score.

    `photo` is then its number, the main one being 1.
    """
    position, further = row["photo"], row.pop("photos")
    if position is None:
        return {**row, "photo": 1}
    about = next((one for one in further or () if one["position"] == position), None)
    own = {name: about[name] if about else None for name in ("image", "image_sha256", "similarity")}
    own["image"], own["image_sha256"] = own["image"] or "", own["image_sha256"] or ""
    return {**row, **own, "photo": position + 1, "p_mismatch": None, "threshold_used": None}
