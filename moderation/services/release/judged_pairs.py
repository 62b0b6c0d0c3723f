"""The pairs that versions are judged by: the gold set and the audit, as people decided them.

- Audit: products drawn at random and judged blind, whatever the model said of them. Each stands for
  the products of the present catalogue that were drawn and are flagged, or not, as it is
  (`estimates.weights`), divided among the pairs that are judged of them.
- Gold: products of the gold share that two moderators decided alike. No training sees them.
- A pair that was not judged by lot, or whose listing has changed since, stands for itself only.
- An audit pair may have been trained on. Pairs whose photo, a near-duplicate of it, or whose
  title any of the versions, or a version it comes from, was trained on are excluded; the
  others of their cell then stand for them too. Where the files that one was trained on are gone,
  any audit pair may be among them, and only gold counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
from django.db.models import Count, F, Q

from moderation.clip.data.similar import title
from moderation.models import Decision, ModelVersion

from ..datasets.dataset_rows import label_of
from ..estimates import weights
from ..queries.one_parameter import among
from ..queries.streamed import streamed
from ..rules import photos, sampling, thresholds
from .learned_from import learned_from

GOLD, AUDIT = "gold", "audit"


@dataclass(frozen=True)
class LabelledPair:
    """A photo and a text with what is true of them. label 1 match, 0 mismatch."""

    image: photos.Source
    image_sha256: str
    text: str
    label: int
    weight: float = 1.0
    group: str = ""
    category: str = ""
    kind: str = ""
    stratum: str = ""
    source: str = ""
    product: int | None = None  # its key, where the product shows this pair now
    cell: int = -1  # of the catalogue, from which it was drawn by lot; -1: from none
    cell_flagged: bool = False
    traits: thresholds.Traits = ()
    judged_at: datetime | None = None  # for the first time


def gold_and_audit(
    *, unseen_by: Iterable[ModelVersion] = (), alive: Callable[[], None] = lambda: None
) -> list[LabelledPair]:
    """Every gold and audit pair that stands, except what one of these versions learned from.

    `alive` is called now and then: many photos may have to be read.
    """
    pairs = _grouped(_decided())
    seen = learned_from(unseen_by, alive=alive)
    held = seen.holds([(pair.image, pair.image_sha256, pair.text) for pair in pairs])
    kept = [
        pair
        for pair, is_seen in zip(pairs, held, strict=True)
        if not is_seen and (seen.is_whole or pair.source == GOLD)
    ]
    return _standing_for_the_catalogue(kept)


def counts() -> tuple[int, int]:
    """How many mismatches and matches there are of gold and audit, learned from or not."""
    pairs = _decided()
    right = sum(pair.label for pair in pairs)
    return len(pairs) - right, right


def sha256_of(pairs: Sequence[LabelledPair]) -> str:
    """A hash of what was asked and what is true, in any order."""
    lines = sorted(
        # For how many products a pair stands changes with the catalogue, what was asked does not.
        f"{p.image_sha256}\t{p.text}\t{p.label}\t{1.0 if p.source else p.weight!r}\n"
        for p in pairs
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


# ── What was decided ──────────────────────────────────────────────────────────────────────────
def _decided() -> list[LabelledPair]:
    """One pair for each photo and text: the newest decision, where two agree or it was drawn."""
    labels = (
        Decision.objects.labels()
        .of_present_products()
        .filter(mode=Decision.Mode.QUEUE)
        .exclude(stratum__in=sampling.BY_NO_DRAW)
    )
    twice = (
        labels.order_by()
        .values_list("analysis__product", "analysis__content_hash")
        .annotate(people=Count("moderator", distinct=True), said=Count("verdict", distinct=True))
        .filter(people__gte=2)
    )
    agreed = {(product, content): said == 1 for product, content, _people, said in twice}
    chosen = labels.filter(
        Q(item__in_audit=True) | among("analysis__product", [product for product, _ in agreed])
    )
    newest: dict[tuple[int, str], LabelledPair] = {}
    first: dict[tuple[int, str], datetime] = {}
    columns = chosen.order_by("pk").values(*_COLUMNS, in_audit=F("item__in_audit"))
    with streamed(columns) as rows:
        for row in rows:
            key = row["analysis__product"], row["analysis__content_hash"]
            first.setdefault(key, row["created_at"])
            external_id = row["analysis__product__external_id"]
            gold = agreed.get(key, False) and sampling.drawn_for_gold(external_id)
            drawn = row["in_audit"] or (key in newest and newest[key].source == AUDIT)
            if gold or drawn:
                newest[key] = _pair(row, source=GOLD if gold else AUDIT)
    return [replace(pair, judged_at=first[key]) for key, pair in newest.items()]


_COLUMNS = (
    *("verdict", "reason", "stratum", "created_at"),
    *("analysis__product", "analysis__product__content_hash"),
    *("analysis__product__external_id", "analysis__product__category__name"),
    *("analysis__content_hash", "analysis__image", "analysis__image_sha256", "analysis__text"),
    *thresholds.columns("analysis__product__"),
)


def _pair(row: dict[str, Any], *, source: str) -> LabelledPair:
    label = label_of(row["verdict"])
    is_present = row["analysis__content_hash"] == row["analysis__product__content_hash"]
    return LabelledPair(
        image=photos.source(row["analysis__image"]),
        image_sha256=row["analysis__image_sha256"],
        text=row["analysis__text"],
        label=label,
        category=row["analysis__product__category__name"] or "",
        kind="" if label else row["reason"],
        stratum=row["stratum"],
        source=source,
        product=row["analysis__product"] if is_present else None,
        traits=tuple(row[name] for name in thresholds.columns("analysis__product__")),
    )


def _grouped(pairs: Sequence[LabelledPair]) -> list[LabelledPair]:
    """Pairs with the same photo or the same title belong together."""
    first: dict[str, int] = {}
    parent = list(range(len(pairs)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    for place, pair in enumerate(pairs):
        for name in (f"photo {pair.image_sha256}", f"title {title(pair.text)}"):
            parent[root(place)] = root(first.setdefault(name, place))
    return [replace(pair, group=str(root(place))) for place, pair in enumerate(pairs)]


def _standing_for_the_catalogue(pairs: Sequence[LabelledPair]) -> list[LabelledPair]:
    """The pairs with their cells, and for how many products of the catalogue each stands."""
    lots = weights.by_lot()
    places = [-1 if pair.product is None else lots.places.get(pair.product, -1) for pair in pairs]
    cells = np.append(lots.design.cells, -1)[places]
    design = replace(lots.design, cells=cells)
    return [
        replace(pair, weight=float(weight), cell=int(cell), cell_flagged=bool(flagged))
        if cell >= 0
        else pair
        for pair, cell, weight, flagged in zip(
            pairs, cells, design.weights, np.append(design.flagged, False)[cells], strict=True
        )
    ]
