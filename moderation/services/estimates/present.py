"""The present catalogue and what people said of it, as `clip.statistics.cells` takes them.

Every present product with an answer of a model counts once, with its score now, whenever and for
whatever reason it was judged; a verdict counts while photo and text are those it was given on.

Where a second judge is asked, the queue's order goes by what it says too. So what it says divides
what was drawn alike: of each part people have judged the front, and those drawn speak for the rest.
What came in by its word alone is not counted: people were shown it for being likelier wrong.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.db.models import Case, Count, Exists, F, Max, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Floor, TruncWeek

from moderation.clip.statistics.cells import RIGHT, UNCLEAR, WRONG, Answers, Listings, joined
from moderation.clip.statistics.scores_grid import STEP, grid
from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Decision, ModelVersion, Product, ReviewItem, SecondVerdict, Skip
from moderation.models.querysets import DecisionQuerySet

from ..rules import thresholds

_DRAW = ("audit_share", "former_audit_share", "gold_share")
_FITS = Decision.Verdict.DISMISS
_SECOND = "analysis__second_verdict__is_mismatch"
_FLAGGED, _AUDIT = ReviewItem.Stratum.FLAGGED, ReviewItem.Stratum.AUDIT

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """A catalogue, or a part of it, with what was judged of it. Scores are steps of the grid."""

    listings: Listings
    answers: Answers


def by_week() -> dict[date, Reading]:
    """The catalogue by the weeks in which its products came in.

    Scores are distances to the threshold of each product: below 0 it is flagged.
    """

    def columns(product: str) -> dict[str, Combinable]:
        return {"step": _distance(product), "week": TruncWeek(f"{product}created_at")}

    return _read(lambda product: Q(), columns=columns, key=lambda row: row["week"].date())


def of_version(version: ModelVersion) -> Reading:
    """Products that this version scored and that have no threshold of their own.

    Scores are similarities, as of products without category. Pairs that the version has learned
    from are not left out, as an evaluation does it: here they are products of the catalogue, which
    are flagged as they are, and what was judged of them is counted. Those that were judged by lot
    speak for others as well, and a version scores what it knows better: where many of the sample
    were learned from, precision and recall are told too well by as much.
    """
    calibration = version.calibrated
    offsets = calibration if calibration and calibration.offsets else None

    def chosen(product: str) -> Q:
        scored = {"model_version": version, "preparation": PREPARATION}
        of_version = {f"{product}analysis__{name}": value for name, value in scored.items()}
        return thresholds.without_own(product) & Q(**of_version)

    def columns(product: str) -> dict[str, Combinable]:
        step = {"step": Floor(F(f"{product}analysis__similarity") / STEP + 1e-9)}
        return step | ({"kind": F(f"{product}category__name")} if offsets else {})

    def elsewhere(row: Row) -> int:
        if offsets is None:
            return int(row["step"])
        return grid(offsets.as_elsewhere((row["step"] + 0.5) * STEP, row["kind"]))

    found = _read(chosen, columns=columns, key=lambda row: None, step=elsewhere)
    return found.get(None, NOTHING)


@dataclass(frozen=True)
class WithKeys:
    """A reading, and of each of its n answers on which product it is and in which decision."""

    reading: Reading
    products: np.ndarray  # [n] keys
    decisions: np.ndarray  # [n] keys; 0 where nobody could tell


def each_judged() -> WithKeys:
    """The whole catalogue with its answers one by one, as far as they are labels of a pair.

    Scores as in `by_week`. What follows from the word on a further photo is no label: unclear here.
    """

    def columns(product: str) -> dict[str, Combinable]:
        found: dict[str, Combinable] = {"step": _distance(product)}
        if product:
            found["of"] = F(product.removesuffix("__"))
        return found | ({"decision": F("pk")} if product.startswith("analysis") else {})

    asked = _asked(lambda product: Q(), columns=columns, key=lambda row: None, labels=True)
    there, sample, said = asked[None]
    draws = _numbered(there)
    said = [row for row in said if _draw(row) in draws]
    return WithKeys(
        _reading(there, sample, said, draws=draws, step=_own_step),
        products=np.array([row["of"] for row in said], dtype=int),
        decisions=np.array([row.get("decision", 0) for row in said], dtype=int),
    )


def whole(parts: Iterable[Reading]) -> Reading:
    """Several parts as one."""
    found = list(parts) or [NOTHING]
    return Reading(
        joined([part.listings for part in found]), joined([part.answers for part in found])
    )


def _distance(product: str) -> Combinable:
    """Of a product to its threshold, in steps of the grid; `product` is the lookup to it."""
    at = F(f"{product}analysis__similarity") - F(f"{product}analysis__threshold_used")
    return Floor(at / STEP)


# ── What is asked ─────────────────────────────────────────────────────────────────────────────
def _read(
    chosen: Callable[[str], Q],
    *,
    columns: Callable[[str], dict[str, Combinable]],
    key: Callable[[Row], Any],
    step: Callable[[Row], int] | None = None,
) -> dict[Any, Reading]:
    """What is there, what is in the sample, and what was said, by key.

    `chosen` and `columns` take the lookup that leads to the product.
    """
    rows = _asked(chosen, columns=columns, key=key)
    draws = _numbered(row for there, _, _ in rows.values() for row in there)
    return {
        name: _reading(*found, draws=draws, step=step or _own_step) for name, found in rows.items()
    }


def _asked(
    chosen: Callable[[str], Q],
    *,
    columns: Callable[[str], dict[str, Combinable]],
    key: Callable[[Row], Any],
    labels: bool = False,
) -> dict[Any, tuple[list[Row], list[Row], list[Row]]]:
    """The rows of what is there, what is in the sample, and what was said, by key."""
    rows: dict[Any, tuple[list[Row], list[Row], list[Row]]] = defaultdict(lambda: ([], [], []))
    asked = (
        (_scored(), ""),
        (_sample(), "product__"),
        (_said(labels=labels), "analysis__product__"),
        (_unclear(labels=labels), "product__"),
    )
    for number, (found, product) in enumerate(asked):
        grouped = _grouped(found.filter(chosen(product)), product, columns(product))
        for row in grouped:
            rows[key(row)][min(number, 2)].append(row)
    return rows


def _numbered(there: Iterable[Row]) -> dict[tuple[float, ...], int]:
    """A number for each way in which some of these products were drawn."""
    return {draw: number for number, draw in enumerate(sorted({_draw(row) for row in there}))}


def _grouped(found: QuerySet[Any], product: str, columns: dict[str, Combinable]) -> list[Row]:
    second = [_SECOND] if SecondVerdict.objects.exists() else []
    draw = {f"draw_{n}": F(f"{product}{name}") for n, name in enumerate([*_DRAW, *second])}
    said = [name for name in ("said", "by_lot") if name in found.query.annotations]
    names = [*columns, *draw, *said]
    groups = found.order_by().annotate(**columns, **draw).values(*names)
    return list(groups.annotate(count=Count("pk")))


def _scored() -> QuerySet[Any]:
    return Product.objects.present().filter(
        analysis__is_mismatch__isnull=False,
        analysis__similarity__isnull=False,
        analysis__content_hash=F("content_hash"),
    )


def _sample() -> QuerySet[Any]:
    """The items of the random sample, of what the products are now. Not what people picked."""
    return ReviewItem.objects.filter(
        _is_drawn(),
        product__withdrawn_at=None,
        product__analysis__is_mismatch__isnull=False,
        product__analysis__similarity__isnull=False,
        product__analysis__content_hash=F("product__content_hash"),
        analysis__content_hash=F("product__content_hash"),
        second_of=None,
        state__in=[ReviewItem.State.OPEN, ReviewItem.State.DECIDED],
    )


def _is_drawn(item: str = "") -> Q:
    """Drawn at random, and not opened by hand out of its turn."""
    by_hand = Q(
        **{f"{item}state": ReviewItem.State.DECIDED, f"{item}picked_by": ReviewItem.Pick.CHOSEN}
    )
    strata = Q(**{f"{item}stratum__in": [_FLAGGED, _AUDIT]})
    return Q(**{f"{item}in_audit": True}) & strata & ~by_hand


# Who was asked of a listing and says that a further photo does not fit has seen the main one first.
_OTHER_PHOTO = Q(
    photo__isnull=False, verdict=Decision.Verdict.CONFIRM, stratum__in=[_FLAGGED, _AUDIT]
)


def _newest(*, labels: bool) -> DecisionQuerySet:
    """The newest verdict of people on each product, whether or not it says something.

    Of its main photo; without `labels`, also by what was said of a further one instead.
    """
    standing = (
        Decision.objects.standing()
        .exclude(mode=Decision.Mode.AUTOMATIC)
        .exclude(stratum=ReviewItem.Stratum.JUDGE)
        .of_present_products()
        .filter(
            Q(photo=None) if labels else Q(photo=None) | _OTHER_PHOTO,
            analysis__content_hash=F("analysis__product__content_hash"),
            analysis__product__analysis__is_mismatch__isnull=False,
            analysis__product__analysis__similarity__isnull=False,
            analysis__product__analysis__content_hash=F("analysis__content_hash"),
        )
    )
    keys = standing.order_by().values("analysis__product").annotate(newest=Max("pk"))
    return Decision.objects.filter(pk__in=keys.values("newest"))


def _said(*, labels: bool) -> QuerySet[Any]:
    """The newest verdict on each product, where it tells; as exports take it."""
    # Not by a subquery for each row: without statistics SQLite takes the wrong index for that.
    in_sample = When(analysis__product__in=_sample().values("product"), then=Value(True))
    return (
        _newest(labels=labels)
        .telling()
        .annotate(
            said=Case(When(photo=None, then=F("verdict")), default=Value(_FITS)),
            by_lot=Case(in_sample, default=Value(False)),
        )
    )


def _unclear(*, labels: bool) -> QuerySet[Any]:
    """Of the sample: somebody was asked and nobody could tell."""
    passed_on = Exists(Skip.objects.filter(item=OuterRef("pk")))
    asked = Q(state=ReviewItem.State.DECIDED) | passed_on
    said = _said(labels=labels).values("analysis__product")
    return _sample().filter(asked).exclude(product__in=said)


# ── As arrays ─────────────────────────────────────────────────────────────────────────────────
def _own_step(row: Row) -> int:
    return int(row["step"])


def _reading(
    there: list[Row],
    sample: list[Row],
    said: list[Row],
    *,
    draws: dict[tuple[float, ...], int],
    step: Callable[[Row], int],
) -> Reading:
    in_sample: dict[tuple[int, int], int] = defaultdict(int)
    for row in sample:
        if _draw(row) in draws:
            in_sample[step(row), draws[_draw(row)]] += row["count"]
    sizes: dict[tuple[int, int], int] = defaultdict(int)
    for row in there:
        sizes[step(row), draws[_draw(row)]] += row["count"]
    groups = sorted(sizes)
    listings = Listings(
        scores=np.array([at for at, _ in groups], dtype=float),
        draws=np.array([draw for _, draw in groups], dtype=int),
        sizes=np.array([sizes[group] for group in groups], dtype=int),
        lots=np.array([min(in_sample[group], sizes[group]) for group in groups], dtype=int),
    )
    return Reading(listings, _answers(said, draws=draws, step=step))


def _answers(
    said: list[Row], *, draws: dict[tuple[float, ...], int], step: Callable[[Row], int]
) -> Answers:
    known = [row for row in said if _draw(row) in draws]
    times = [row["count"] for row in known]

    def column(values: Iterable[Any], kind: type) -> np.ndarray:
        return np.repeat(np.array(list(values), dtype=kind), times)

    meaning: dict[Any, int] = {Decision.Verdict.CONFIRM: WRONG, Decision.Verdict.DISMISS: RIGHT}
    return Answers(
        scores=column((step(row) for row in known), float),
        draws=column((draws[_draw(row)] for row in known), int),
        said=column((meaning.get(row.get("said"), UNCLEAR) for row in known), int),
        by_lot=column((row.get("by_lot", True) for row in known), bool),
    )


def _draw(row: Row) -> tuple[float, ...]:
    """The probabilities that a product was drawn with, and what the second judge says of it; -1
    stands for none."""
    shares = (value for name, value in row.items() if name.startswith("draw_"))
    return tuple(-1.0 if share is None else round(float(share), 6) for share in shares)


NOTHING = _reading([], [], [], draws={}, step=_own_step)
