"""When the second judge is asked: of what the version in force scored near its threshold.

A question is a row, written in the transaction that writes the analysis it is about; a worker
answers it later (`second_answers`). So nothing that goes wrong with the second judge touches the
first verdict, and what a killed worker left is found again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q

from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Analysis, ModelVersion, Product, ReviewItem, SecondVerdict
from moderation.models.querysets import AnalysisQuerySet

from ..queries.one_parameter import among
from ..queue import review_queue, second_verdicts
from ..registry import versions
from ..rules.sampling import JUDGE, Band
from ..rules.thresholds import Thresholds, traits

DONE = Analysis.Status.DONE
SAME = 1e-9  # thresholds that differ by less are the same
SAME_P = 1e-6  # as `rescore` has it

_EMPTY = {
    **dict.fromkeys(("similarity", "p_mismatch", "threshold_used", "is_mismatch")),
    "unreadable": "",
    "precision": "",
    "error": "",
    "attempts": 0,
    "taken_at": None,
    "answered_at": None,
}


def ask(rows: Sequence[Analysis]) -> None:
    """Ask about those of these finished analyses that are near (in their transaction)."""
    second = versions.second_judge() if rows else None
    if second is None:
        return
    bands = {row.model_version: Band.of(row.model_version) for row in rows}
    near = [row.pk for row in rows if bands[row.model_version].holds(row)]
    _add(near, second=second, of={row.pk: row.model_version_id for row in rows})


def ask_near(rows: AnalysisQuerySet, *, version: ModelVersion) -> None:
    """The same for many analyses of one version, found by the database."""
    second = versions.second_judge()
    if second is None or second.pk == version.pk:
        return
    near = rows.filter(Band.of(version).analyses, status=DONE).order_by()
    keys = list(near.values_list("pk", flat=True))
    _add(keys, second=second, of=dict.fromkeys(keys, version.pk))


def _add(analyses: Sequence[int], *, second: ModelVersion, of: dict[int, int]) -> None:
    """A version is no second judge of itself."""
    SecondVerdict.objects.bulk_create(
        [SecondVerdict(analysis_id=key, model_version=second) for key in analyses
         if of[key] != second.pk],
        ignore_conflicts=True,  # asked already
        batch_size=500,
    )  # fmt: skip


# ── What is to be asked again ─────────────────────────────────────────────────────────────────
@dataclass
class Outdated:
    """Present analyses that the second judge has not judged as it would now, by their keys.

    `unasked` have no question at all; of `asked` the question is put again. `no_longer` are those
    whose item the second judge brought in that is named no longer, or says nothing of them; where
    none is named, also those whose place in the queue one had changed.
    """

    unasked: list[int] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)
    no_longer: list[int] = field(default_factory=list)

    @property
    def to_ask(self) -> int:
        return len(self.unasked) + len(self.asked)


def outdated(products: Sequence[int], *, version: ModelVersion) -> Outdated:
    """What of these products, by key, is near by this version and not judged by the second yet.

    Or by another second judge, threshold or calibration of it, or given up.
    """
    found, second = Outdated(), versions.second_judge()
    current = (
        Analysis.objects.current()
        .filter(among("product", list(products)), model_version=version, status=DONE)
        .filter(content_hash=F("product__content_hash"), preparation=PREPARATION)
        .order_by("pk")
    )
    if second is not None and second.pk != version.pk:
        near = current.filter(Band.of(version).analyses).select_related(
            "product__category", "second_verdict"
        )
        limits = Thresholds(second)
        for row in near:
            verdict: SecondVerdict | None = getattr(row, "second_verdict", None)
            if verdict is None:
                found.unasked.append(row.pk)
            elif not _holds(verdict, row.product, limits):
                found.asked.append(row.pk)
    moved = ReviewItem.objects.open()
    if settings.CLIP_SECOND_JUDGE:
        moved = moved.filter(stratum=JUDGE)
    else:  # also what it had put further back or further to the front
        moved = moved.filter(Q(stratum=JUDGE) | Q(analysis__second_verdict__isnull=False))
    keys = list(current.filter(product__review_items__in=moved).values_list("pk", flat=True))
    told = second_verdicts.present_on(keys)
    found.no_longer = [
        key for key in keys if key not in told and key not in {*found.unasked, *found.asked}
    ]
    return found


def _holds(verdict: SecondVerdict, product: Product, limits: Thresholds) -> bool:
    """Whether it would be the same if it were asked now."""
    if verdict.model_version_id != limits.version.pk:
        return False
    if verdict.answered_at is None:
        return verdict.attempts < settings.ANALYSIS_MAX_ATTEMPTS
    if verdict.similarity is None or verdict.threshold_used is None:
        return bool(verdict.unreadable)
    threshold = limits.own_of(traits(product))
    p = limits.version.p_mismatch(
        verdict.similarity, product.category.name if product.category else None
    )
    if p is None or verdict.p_mismatch is None:
        return p is verdict.p_mismatch and abs(verdict.threshold_used - threshold) < SAME
    return abs(verdict.threshold_used - threshold) < SAME and abs(verdict.p_mismatch - p) < SAME_P


def refresh(products: Sequence[int], *, version: ModelVersion) -> int:
    """Ask what is outdated of these products, by key; returns how many questions are put."""
    with transaction.atomic():
        # First and in one order, as every writer of answers does.
        held = Product.objects.select_for_update(no_key=True).filter(among("pk", list(products)))
        list(held.order_by("pk").values_list("pk"))
        found = outdated(products, version=version)
        second = versions.second_judge()
        if second is not None:
            _add(found.unasked, second=second, of=dict.fromkeys(found.unasked, version.pk))
            again = SecondVerdict.objects.filter(among("analysis", found.asked))
            again.update(model_version=second, **_EMPTY)
        gone = Analysis.objects.filter(among("pk", found.no_longer))
        review_queue.follow(list(gone.select_related("model_version", "product")))
        if not settings.CLIP_SECOND_JUDGE:
            # Nobody is told them any more, and they would go on dividing the figures.
            SecondVerdict.objects.filter(among("analysis__product", list(products))).delete()
    return found.to_ask


# ── How it is doing ───────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class State:
    """The second judge that is named, why it does not answer (or ""), and what waits for it."""

    name: str
    problem: str
    waiting: int


def state() -> State | None:
    """None where none is named."""
    name = settings.CLIP_SECOND_JUDGE
    if not name:
        return None
    second = versions.second_judge()
    if second is None:
        return State(name, f"CLIP_SECOND_JUDGE is {name}, and no version has this name.", 0)
    if versions.is_current(second):
        return State(name, "It is the active version itself, so nothing is asked twice.", 0)
    waiting = SecondVerdict.objects.waiting().filter(model_version=second)
    failing = waiting.exclude(error="").order_by("attempts", "pk")
    return State(
        name,
        problem=failing.values_list("error", flat=True).first() or "",
        waiting=waiting.count(),
    )
