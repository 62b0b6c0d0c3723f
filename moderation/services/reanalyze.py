"""Score products again: those a model must look at are asked about, the others judged anew.

A similarity does not depend on the threshold. Where the model has already scored a product's
present photo and text, a new threshold therefore runs no model: a finished analysis is derived
from the known similarity. History is kept: the derived row is a new one. `ALL` asks the model
again only where the threshold has not moved.

Running the same again goes on where it was stopped. With `STALE`, `FAILED` or a threshold, a
product that is done no longer meets the criterion. For the rest `since` draws the line: products
whose newest analysis was asked for after that moment are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, QuerySet
from django.utils import timezone

from moderation.models import Analysis, Category, ModelVersion, Product

from . import analyze, results, versions

CHUNK = 500
PENDING, RUNNING = Analysis.Status.PENDING, Analysis.Status.RUNNING
DONE, FAILED = Analysis.Status.DONE, Analysis.Status.FAILED

Progress = Callable[[int, int], None]


class Which(Enum):
    """The criterion by which products are chosen."""

    ALL = auto()
    FAILED = auto()  # the newest analysis of the present photo and text failed
    STALE = auto()  # no score, or of another model, content or threshold than holds now


@dataclass(frozen=True)
class Job:
    """What to score again, and with what.

    `threshold` stands in for the one that holds until the product is scored or judged again.
    """

    which: Which
    version: ModelVersion
    category: Category | None = None
    threshold: float | None = None
    since: datetime | None = None

    def products(self) -> QuerySet[Product]:
        chosen = Product.objects.select_related("category", "analysis")
        if self.category is not None:
            chosen = chosen.filter(category=self.category)
        if self.which is Which.FAILED:
            failed = Analysis.objects.filter(
                product=OuterRef("pk"),
                model_version=self.version,
                content_hash=OuterRef("content_hash"),
                status=FAILED,
            )
            chosen = chosen.filter(Exists(failed))
        return chosen

    @property
    def is_about_thresholds(self) -> bool:
        """Whether a similarity that is known under the right threshold needs nothing more."""
        return self.which is Which.STALE or (self.which is Which.ALL and self.threshold is not None)


@dataclass
class Tally:
    """What is to be done, or was: products by what happens to them, and flags that change."""

    asked: int = 0
    derived: int = 0
    waiting: int = 0
    done: int = 0
    newly_flagged: int = 0
    no_longer_flagged: int = 0
    unknown: int = 0


class _Step(Enum):
    ASK = auto()
    DERIVE = auto()
    WAIT = auto()
    NOTHING = auto()


@dataclass(frozen=True)
class _Case:
    """A product with the newest analysis of its present content by the job's model."""

    product: Product
    newest: Analysis | None

    @property
    def similarity(self) -> float | None:
        """What the model said, or None where it has not, or could not."""
        return self.newest.similarity if self.newest and self.newest.status == DONE else None


def look(job: Job, *, progress: Progress | None = None) -> Tally:
    """What `run` would do; nothing is written."""
    tally = Tally()
    for cases in _chunks(job, progress):
        _count(tally, job, cases)
    return tally


def run(job: Job, *, progress: Progress | None = None) -> Tally:
    """Derive what can be derived and ask for the rest, chunk by chunk, each in a transaction."""
    tally = Tally()
    for cases in _chunks(job, progress):
        steps = _count(tally, job, cases)
        with transaction.atomic():
            _derive(job, steps[_Step.DERIVE])
            if steps[_Step.ASK]:
                analyze.request(
                    [case.product for case in steps[_Step.ASK]],
                    version=job.version,
                    threshold=job.threshold,
                )
            if job.is_about_thresholds:
                # Nobody has begun with these, so they can still take the threshold wanted now.
                waiting = [case.newest.pk for case in steps[_Step.WAIT] if case.newest]
                Analysis.objects.pending().filter(pk__in=waiting).update(
                    threshold_override=job.threshold
                )
    return tally


def unanswered(job: Job, *, up_to: int | None = None) -> int:
    """How many analyses of the job's model and category still wait (of those up to a key)."""
    live = Analysis.objects.live().filter(model_version=job.version)
    if job.category is not None:
        live = live.filter(product__category=job.category)
    return live.filter(pk__lte=up_to).count() if up_to is not None else live.count()


def newest_key() -> int:
    """The key of the newest analysis, so that later questions of others need not be awaited."""
    return Analysis.objects.aggregate(newest=Max("pk"))["newest"] or 0


# ── Which product needs what ──────────────────────────────────────────────────────────────────
def _chunks(job: Job, progress: Progress | None) -> Iterator[list[_Case]]:
    products = job.products().order_by("pk")
    total, done, last = products.count(), 0, 0
    while chunk := list(products.filter(pk__gt=last)[:CHUNK]):
        yield _cases(job, chunk)
        last = chunk[-1].pk
        done += len(chunk)
        if progress:
            progress(done, max(done, total))


def _cases(job: Job, products: Sequence[Product]) -> list[_Case]:
    keys = (
        Analysis.objects.filter(
            product__in=products,
            model_version=job.version,
            content_hash=F("product__content_hash"),
        )
        .order_by()
        .values("product")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    newest = {row.product_id: row for row in Analysis.objects.filter(pk__in=keys)}
    return [_Case(product, newest.get(product.pk)) for product in products]


def _step(job: Job, case: _Case) -> _Step:
    newest = case.newest
    if newest is None:
        return _Step.NOTHING if job.which is Which.FAILED else _Step.ASK
    if newest.status in (PENDING, RUNNING):
        return _Step.WAIT
    if job.which is Which.FAILED:
        return _Step.ASK if newest.status == FAILED else _Step.NOTHING
    if job.since and newest.created_at >= job.since:
        return _Step.NOTHING
    if newest.status == FAILED:
        # A photo that failed fails at any threshold: `FAILED` is there to try it again.
        return _Step.NOTHING if job.is_about_thresholds else _Step.ASK
    if newest.threshold_used != _threshold(job, case):
        return _Step.DERIVE
    if not job.is_about_thresholds:
        return _Step.ASK
    return _Step.NOTHING if case.product.analysis_id == newest.pk else _Step.DERIVE


def _threshold(job: Job, case: _Case) -> float:
    return versions.threshold_for(
        job.version, category=case.product.category, override=job.threshold
    )


def _count(tally: Tally, job: Job, cases: Sequence[_Case]) -> dict[_Step, list[_Case]]:
    """Sort the cases by what is to be done, and add them to the tally."""
    steps: dict[_Step, list[_Case]] = {step: [] for step in _Step}
    for case in cases:
        step = _step(job, case)
        steps[step].append(case)
        if step not in (_Step.ASK, _Step.DERIVE):
            continue
        if case.similarity is None:
            tally.unknown += 1
            continue
        flagged = case.similarity < _threshold(job, case)
        was_flagged = bool(case.product.analysis and case.product.analysis.is_mismatch)
        tally.newly_flagged += flagged and not was_flagged
        tally.no_longer_flagged += was_flagged and not flagged
    tally.asked += len(steps[_Step.ASK])
    tally.derived += len(steps[_Step.DERIVE])
    tally.waiting += len(steps[_Step.WAIT])
    tally.done += len(steps[_Step.NOTHING])
    return steps


def _derive(job: Job, cases: Sequence[_Case]) -> None:
    """Judge known similarities by the threshold that holds: new finished rows, no model."""
    derived = []
    for case in cases:
        known = case.newest
        if known is None or known.similarity is None:
            continue
        row = Analysis(
            product=case.product,
            model_version=job.version,
            text=known.text,
            image=known.image,
            image_sha256=known.image_sha256,
            content_hash=known.content_hash,
            threshold_override=job.threshold,
            top_categories=known.top_categories,
            precision=known.precision,
            finished_at=timezone.now(),
        )
        results.apply_score(row, known.similarity)
        derived.append(row)
    Analysis.objects.bulk_create(derived)
    results.settle(derived)
