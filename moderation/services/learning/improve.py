"""The whole loop as one training: decisions, snapshot, training, evaluation, gate, new scores.

`manage.py improve` and the admin's button both request a training with the option `improve`; this
is what is done then. A process that dies on the way leaves a row from which another resumes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings

from moderation.clip.training.progress import Report, Update, part
from moderation.models import ModelVersion, ReviewItem, TrainingRun, VersionEvent

from ..registry import version_log, versions
from ..scoring import analyze, claims, reanalyze
from ..worker import heartbeat
from . import training_work
from .training_log import Keeper

ACTIVE = ModelVersion.Status.ACTIVE
# Shares of the whole; training takes by far the longest.
TRAINED, EVALUATED, PROMOTED = 0.75, 0.8, 0.85
FIRST_SHOWN = 20
SECONDS_A_ROUND = 2.0


def improve(run: TrainingRun, keeper: Keeper) -> None:
    """Carry the loop out for a claimed training; each step says what it found in the log.

    Ends early, with a sentence, where nothing was gained or the gate refuses. The option
    `promote` false ends it before the gate. Raises what training raises.
    """
    version = training_work.train_within(run, keeper, part(keeper, 0.0, TRAINED))
    if version is None:
        *why, gained = run.reasons
        say(keeper, "Trained", 1.0, "".join(f"- {reason}\n" for reason in why) + gained)
        return
    why = "".join(f"- {reason}\n" for reason in run.reasons)
    say(keeper, "Trained", TRAINED, f"{why}{version.name} is a candidate now.")
    if not _evaluated(version):
        _evaluate(version, keeper)
    if not run.options.get("promote", True):
        say(keeper, "Evaluated", 1.0, f"Not promoted, as asked: {version.name} stays a candidate.")
        return
    if version.status != ACTIVE and was_active(version):
        say(keeper, "Done", 1.0, f"{version.name} was promoted and is no longer active: left so.")
        return
    if version.status != ACTIVE and not _promote(run, version, keeper):
        return
    before = Queue.now()
    _rescore(version, keeper)
    say(keeper, "Done", 1.0, Queue.now().since(before))


def say(report: Report, doing: str, progress: float, line: str) -> None:
    """A step with its sentence for people."""
    report(Update(doing, progress, line=line))


def was_active(version: ModelVersion) -> bool:
    """Whether it was promoted once: if it was replaced since, that was meant."""
    return version.events.filter(kind__in=version_log.SWITCHES).exists()


def was_for_nothing(run: TrainingRun) -> bool:
    """Whether nothing better is at work: no candidate, a refused one, or one taken back since."""
    if run.version is None or was_refused(run):
        return True
    return run.version.status != ACTIVE and was_active(run.version)


def was_refused(run: TrainingRun) -> bool:
    """Whether the gate turned down what the training made."""
    refused = VersionEvent.objects.filter(version=run.version, kind=VersionEvent.Kind.REFUSED)
    return run.version is not None and run.version.status != ACTIVE and refused.exists()


# ── Evaluation and the gate ───────────────────────────────────────────────────────────────────
def _evaluated(version: ModelVersion) -> bool:
    return version.evaluations.filter(baseline=None).exists()


def _evaluate(version: ModelVersion, report: Report) -> None:
    from ..release import evaluation

    doing = f"Evaluating {version.name} on gold and audit"
    report(Update(doing, TRAINED))
    try:
        found = evaluation.evaluate(
            version, progress=_counted(part(report, TRAINED, EVALUATED), doing)
        )
    except evaluation.NothingToEvaluate as problem:
        say(report, "Evaluated", EVALUATED, str(problem))
        return
    few = found.report.get("too_few", "")
    sentence = f"Evaluated on {found.dataset}." if not few else f"Not evaluated yet: {few}"
    say(report, "Evaluated", EVALUATED, sentence)


def _promote(run: TrainingRun, version: ModelVersion, report: Report) -> bool:
    """Ask the gate; False where it refused, which is said with its reasons."""
    from ..release import promotion

    doing = f"Comparing {version.name} with the active version"
    report(Update(doing, EVALUATED))
    try:
        promotion.promote(
            version,
            by=run.requested_by,
            progress=_counted(part(report, EVALUATED, PROMOTED), doing),
        )
    except promotion.GateRefused as refused:
        say(report, "Refused", 1.0, f"Not promoted. {refused}")
        return False
    version.refresh_from_db()
    sentence = f"{version.name} passed the gate and is active now."
    if settings.CLIP_MODEL_PATH:
        sentence += f" CLIP_MODEL_PATH ({settings.CLIP_MODEL_PATH}) still takes precedence over it."
    say(report, "Promoted", PROMOTED, sentence)
    return True


# ── New scores ────────────────────────────────────────────────────────────────────────────────
def _rescore(version: ModelVersion, report: Report) -> None:
    """Score the catalogue with the new version, and see it through together with the worker."""
    asking = part(report, PROMOTED, 0.9)
    job = reanalyze.Job(reanalyze.Which.STALE, versions.current())
    tally = reanalyze.run(job, progress=_counted(asking, "Scoring from known vectors"))
    say(
        asking,
        "Scored from known vectors",
        1.0,
        f"{tally.scored + tally.derived:,} products scored without touching a photo, "
        f"{tally.asked:,} requested.",
    )
    _answer(job, _counted(part(report, 0.9, 1.0), "Scoring the rest"))


def _counted(report: Report, doing: str) -> Callable[[int, int], None]:
    return lambda done, total: report(Update(doing, done / max(1, total)))


def _answer(job: reanalyze.Job, progress: Callable[[int, int], None]) -> None:
    last = reanalyze.newest_key()
    total = left = reanalyze.unanswered(job, up_to=last)
    while left:
        if not analyze.run_pending(owner=heartbeat.me(), seconds=SECONDS_A_ROUND):
            claims.sweep()  # what is left is in other hands, or in those of the dead
            time.sleep(0.5)
        left = reanalyze.unanswered(job, up_to=last)
        progress(total - left, total)


# ── What changed in the queue ─────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Queue:
    """The products that wait for a moderator, and the first of them in order."""

    waiting: frozenset[int]
    first: tuple[int, ...]

    @classmethod
    def now(cls) -> Queue:
        opened = ReviewItem.objects.open()
        return cls(
            waiting=frozenset(opened.order_by().values_list("product_id", flat=True)),
            first=tuple(
                opened.order_by("-suspicion", "id").values_list("product_id", flat=True)[
                    :FIRST_SHOWN
                ]
            ),
        )

    def since(self, before: Queue) -> str:
        """What became of the queue, in a sentence."""
        if not self.waiting and not before.waiting:
            return "The queue is empty, as before."
        others = len(set(self.first) - set(before.first))
        return (
            f"The queue held {len(before.waiting):,} products and holds {len(self.waiting):,}: "
            f"{len(self.waiting - before.waiting):,} came in, "
            f"{len(before.waiting - self.waiting):,} left it, and {others} of the first "
            f"{len(self.first)} are other ones than before."
        )
