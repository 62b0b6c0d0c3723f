"""Score products again: those a model must look at are requested, the others judged again.

A similarity does not depend on the threshold. Where the model has already scored a product's
present photo and text, prepared as texts are now, a new threshold therefore runs no model: a
finished analysis is derived from the known similarity. Where it has not, but the vectors of photo
and text are cached or follow from cached ones (`embeddings`), they are scored here, by the chunk.
History is kept: each answer is a new row. `ALL` scores again only where the threshold has not
moved.

Running the same again resumes where it was stopped. With `STALE`, `FAILED` or a threshold, a
product that is done no longer meets the criterion. For the rest `since` draws the line: products
whose newest analysis was requested after that moment are done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto

from django.db import reset_queries, transaction
from django.db.models import Exists, Max, OuterRef, QuerySet

from moderation.clip.texts.prepare import PREPARATION
from moderation.models import Analysis, Category, ModelVersion, Product

from ..encoding import further_photos
from ..queries.one_parameter import among
from ..registry import versions
from . import analyze, bulk_results, rescore, second_judge
from .rescore import Case, Rescorer

CHUNK = 4000  # about half a second of the database's write lock
ASK_AT_ONCE = 500
PENDING, RUNNING = Analysis.Status.PENDING, Analysis.Status.RUNNING
DONE, FAILED = Analysis.Status.DONE, Analysis.Status.FAILED

Progress = Callable[[int, int], None]


class Which(Enum):
    """The criterion by which products are chosen."""

    ALL = auto()
    FAILED = auto()  # the newest analysis of the present photo and text failed
    STALE = auto()  # no score, or of another model, content, preparation, threshold, calibration


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
        chosen = Product.objects.scorable()
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
class ReanalysisTally:
    """What is to be done, or was: products by what happens to them, and flags that change."""

    asked: int = 0
    scored: int = 0
    derived: int = 0
    waiting: int = 0
    done: int = 0
    newly_flagged: int = 0
    no_longer_flagged: int = 0
    unknown: int = 0
    second_asked: int = 0  # of the second judge, about what keeps its first verdict


@dataclass
class _Plan:
    """What is to be done for one chunk of products."""

    ask: list[int] = field(default_factory=list)
    answers: list[bulk_results.NewAnalysis] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)  # products that need nothing


def look(job: Job, *, progress: Progress | None = None) -> ReanalysisTally:
    """What `run` would do; nothing is written."""
    tally, judge = ReanalysisTally(), Rescorer(job.version)
    for cases in _chunks(job, progress):
        plan = _plan(job, cases, judge, tally, ranked=False)
        if job.is_about_thresholds:
            found = second_judge.outdated(plan.done, version=job.version)
            tally.second_asked += found.to_ask
    return tally


def run(job: Job, *, progress: Progress | None = None) -> ReanalysisTally:
    """Answer what is known and request the rest, chunk by chunk, each in short transactions.

    Where thresholds or calibration change meanwhile it begins again, with those that hold: else it
    would put the former ones back where somebody else has judged anew already. Raises `Replaced`
    where another version is activated meanwhile, or a rollback takes this one back: its scores must
    not come in after that.
    """
    while True:
        try:
            return _run(job, progress)
        except versions.Changed:
            versions.reread(job.version)


def _run(job: Job, progress: Progress | None) -> ReanalysisTally:
    tally, judge = ReanalysisTally(), Rescorer(job.version)
    for cases in _chunks(job, progress):
        plan = _plan(job, cases, judge, tally)
        bulk_results.write(plan.answers, version=job.version, threshold_override=job.threshold)
        for start in range(0, len(plan.ask), ASK_AT_ONCE):
            asked = among("pk", plan.ask[start : start + ASK_AT_ONCE])
            products = Product.objects.filter(asked).order_by("pk")
            with transaction.atomic():
                versions.check_as_it_was(job.version)
                analyze.request(products, version=job.version, threshold=job.threshold)
        if job.is_about_thresholds and plan.waiting:
            # Nobody has claimed these, so they can still take the threshold wanted now.
            Analysis.objects.pending().filter(among("pk", plan.waiting)).update(
                threshold_override=job.threshold
            )
        if job.is_about_thresholds:
            tally.second_asked += second_judge.refresh(plan.done, version=job.version)
    return tally


def unanswered(job: Job, *, up_to: int | None = None) -> int:
    """How many analyses of the job's model and category still wait (of those up to a key)."""
    live = Analysis.objects.live().filter(model_version=job.version)
    if job.category is not None:
        live = live.filter(product__category=job.category)
    return live.filter(pk__lte=up_to).count() if up_to is not None else live.count()


def newest_key() -> int:
    """The key of the newest analysis, so that later requests of others need not be awaited."""
    return Analysis.objects.aggregate(newest=Max("pk"))["newest"] or 0


# ── Which product needs what ──────────────────────────────────────────────────────────────────
def _chunks(job: Job, progress: Progress | None) -> Iterator[list[Case]]:
    products = job.products().order_by("pk")
    total, done, last = products.count(), 0, 0
    while chunk := rescore.cases(
        products.filter(pk__gt=last)[:CHUNK], job.version, threshold=job.threshold
    ):
        yield chunk
        last = chunk[-1].product_id
        done += len(chunk)
        reset_queries()  # with DEBUG on, Django keeps each, however long the run
        if progress:
            progress(done, max(done, total))


class _Step(Enum):
    ASK = auto()
    SCORE = auto()
    DERIVE = auto()
    WAIT = auto()
    NOTHING = auto()


def _step(job: Job, case: Case, judge: Rescorer) -> _Step:
    newest = case.newest
    if newest is None:
        return _Step.NOTHING if job.which is Which.FAILED else _Step.SCORE
    if newest.status in (PENDING, RUNNING):
        return _Step.WAIT
    if job.which is Which.FAILED:
        return _Step.ASK if newest.status == FAILED else _Step.NOTHING
    if job.since and newest.created_at >= job.since:
        return _Step.NOTHING
    if newest.status == FAILED:
        # A photo that failed fails at any threshold: `FAILED` is there to try it again.
        return _Step.NOTHING if job.is_about_thresholds else _Step.ASK
    if newest.preparation != PREPARATION:
        return _Step.SCORE  # the model would read the text otherwise by now
    limit = job.version.photo_threshold
    if further_photos.is_unasked(newest.photos, threshold=limit):
        return _Step.SCORE
    if newest.threshold_used != case.threshold and not newest.unreadable:
        return _Step.DERIVE
    if not job.is_about_thresholds:
        return _Step.SCORE
    if case.current_id != newest.pk or judge.is_recalibrated(case):
        return _Step.DERIVE
    if further_photos.is_outdated(newest.photos, threshold=limit):
        return _Step.DERIVE
    return _Step.NOTHING


def _plan(
    job: Job, cases: Sequence[Case], judge: Rescorer, tally: ReanalysisTally, *, ranked: bool = True
) -> _Plan:
    """Sort the cases by what is to be done, and add them to the tally."""
    plan, to_score = _Plan(), []
    for case in cases:
        step = _step(job, case, judge)
        if step is _Step.SCORE:
            to_score.append(case)
        elif step is _Step.ASK:
            _ask(plan, tally, case)
        elif step is _Step.DERIVE and (answer := judge.judge_again(case)) is not None:
            tally.derived += 1
            _take(plan, tally, case, answer)
        elif step is _Step.WAIT and case.newest is not None:
            tally.waiting += 1
            plan.waiting.append(case.newest.pk)
        else:
            tally.done += 1
            plan.done.append(case.product_id)
    for case, found in zip(to_score, judge.score(to_score, ranked=ranked), strict=True):
        if found is None:
            _ask(plan, tally, case)
        else:
            tally.scored += 1
            _take(plan, tally, case, found)
    return plan


def _ask(plan: _Plan, tally: ReanalysisTally, case: Case) -> None:
    plan.ask.append(case.product_id)
    tally.asked += 1
    tally.unknown += 1


def _take(
    plan: _Plan, tally: ReanalysisTally, case: Case, answer: bulk_results.NewAnalysis
) -> None:
    plan.answers.append(answer)
    tally.newly_flagged += bool(answer.is_mismatch) and not case.was_flagged
    tally.no_longer_flagged += case.was_flagged and not answer.is_mismatch
