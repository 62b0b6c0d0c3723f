"""From candidate to active: the comparison with what runs, the gate, and the log of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.contrib.auth.models import User

from moderation import acts
from moderation.clip.statistics import gate
from moderation.clip.statistics.assess import assess
from moderation.clip.statistics.gate import Check
from moderation.models import Evaluation, ModelVersion, VersionEvent

from ..encoding import engine
from ..registry import activation, version_log, versions
from ..rules.thresholds import Thresholds
from . import attempts, evaluation, judged_pairs, zero_shot
from .evaluation import Progress

Status = ModelVersion.Status


class PromotionError(Exception):
    """A promotion that cannot be requested like this; `str(error)` is a sentence for people."""


@dataclass(frozen=True)
class GateReport:
    """What the gate found; stored as an evaluation of the candidate against the active version."""

    candidate: ModelVersion
    active: ModelVersion
    checks: list[Check]
    evaluation: Evaluation

    @property
    def passed(self) -> bool:
        return gate.passed(self.checks)

    @property
    def why_not(self) -> str:
        """The sentences of the conditions that failed, and what makes the gate less strict."""
        failed = [check for check in self.checks if check.passed is False]
        advice = self.evaluation.report["attempt"]["advice"]
        if advice and any(check.name == "better" for check in failed):
            return " ".join([*(check.sentence for check in failed), advice])
        return " ".join(check.sentence for check in failed)


class GateRefused(Exception):
    """The candidate stays a candidate; `report` has the table."""

    def __init__(self, report: GateReport) -> None:
        super().__init__(f"The gate refused “{report.candidate.name}”: {report.why_not}")
        self.report = report


def compare(
    candidate: ModelVersion, active: ModelVersion, *, progress: Progress | None = None
) -> GateReport:
    """Ask the gate about the two versions on gold and audit, and store what it found.

    Pairs that either has learned from are excluded. Each comparison on the same decisions makes the
    next one stricter. Raises `ModelError` where a model's files are not there.
    """
    pairs = judged_pairs.gold_and_audit(
        unseen_by=[candidate, active], alive=evaluation.alive(progress)
    )
    similar = [evaluation.score(side, pairs, progress=progress) for side in (active, candidate)]
    known = np.isfinite(similar[0]) & np.isfinite(similar[1])
    lost = sorted({pair.image.name for pair, ok in zip(pairs, known, strict=True) if not ok})
    pairs = [pair for pair, ok in zip(pairs, known, strict=True) if ok]
    judged = evaluation.judged_of(pairs)
    old = evaluation.scores_of(active, pairs, similar[0][known])
    new = evaluation.scores_of(candidate, pairs, similar[1][known])
    shot = zero_shot.compare(candidate, active) if len(pairs) else None
    attempt = attempts.this_one(candidate, active, pairs)
    checks = gate.judge(judged, active=old, candidate=new, zero_shot=shot, attempt=attempt.number)
    report: dict[str, Any] = assess(judged, new) | {
        "contender": attempts.contender(candidate),
        "attempt": attempt.as_json(),
        "threshold": Thresholds(candidate).general,
        "baseline": evaluation.report_on(judged, old) | {"threshold": Thresholds(active).general},
        "checks": [check.as_json() for check in checks],
        **evaluation.unreadable(lost),
    }
    stored = Evaluation.objects.create(
        version=candidate,
        baseline=active,
        dataset=evaluation.GOLD_AND_AUDIT,
        dataset_sha256=judged_pairs.sha256_of(pairs),
        report=report,
        passed=gate.passed(checks),
    )
    return GateReport(candidate, active, checks, stored)


def promote(
    candidate: ModelVersion,
    *,
    by: User | None = None,
    force_reason: str = "",
    progress: Progress | None = None,
) -> GateReport:
    """Make the candidate the active version if the gate lets it pass, or a lead says so.

    With `force_reason` a refusal is overruled; that takes `by`, who may promote, and is logged.
    Raises `GateRefused` with the report, `PromotionError` for what may not be asked, `ModelError`.
    """
    force_reason = force_reason.strip()
    check_rights(by, forced=bool(force_reason))
    candidate.refresh_from_db()
    if candidate.status == Status.ACTIVE:
        raise PromotionError(f"“{candidate.name}” is the active version already.")
    active = ModelVersion.objects.filter(status=Status.ACTIVE).first()
    if active is None:
        raise versions.NoActiveModel
    engine.try_out(candidate)
    report = compare(candidate, active, progress=progress)
    kind, reason = version_log.Kind.PROMOTED, ""
    if not report.passed:
        if not force_reason:
            log_refusal(candidate, by=by, reason=report.why_not, report=report)
            raise GateRefused(report)
        kind, reason = version_log.Kind.FORCED, force_reason

    def unchanged(now: ModelVersion | None) -> None:
        _check_unchanged(candidate, compared_with=active, now=now)

    activation.activate(candidate, by=by, kind=kind, reason=reason[:500], provided=unchanged)
    return report


def _check_unchanged(
    candidate: ModelVersion, *, compared_with: ModelVersion, now: ModelVersion | None
) -> None:
    """Raises `PromotionError` where one of the two is not as it was compared."""
    if now is None or version_log.state(now) != version_log.state(compared_with):
        raise PromotionError(
            f"The active version changed while “{candidate.name}” was compared with "
            f"“{compared_with.name}”; promote again to compare it with what runs now."
        )
    held = ModelVersion.objects.select_for_update(no_key=True)
    if version_log.state(held.get(pk=candidate.pk)) != version_log.state(candidate):
        raise PromotionError(
            f"The thresholds or the calibration of “{candidate.name}” changed while it was "
            "compared; promote again to compare it as it is now."
        )


def check_rights(by: User | None, *, forced: bool = False) -> None:
    """Raises `PromotionError` where this person may not promote; the command line itself may,
    but never past the gate without a name."""
    if by is None:
        if forced:
            raise PromotionError("Promoting past the gate needs a name: --by a lead's user name.")
        return
    if not (by.is_active and by.has_perm("moderation.promote")):
        raise PromotionError(
            f"{by.get_username()} may not promote versions; a lead may, or an administrator."
        )


def log_refusal(
    version: ModelVersion, *, by: User | None, reason: str, report: GateReport | None = None
) -> None:
    """Add to the version's log that it was not promoted, and why."""
    event = VersionEvent.objects.create(
        version=version,
        kind=version_log.Kind.REFUSED,
        by=by,
        reason=reason[:500],
        before=version_log.state(report.active) if report else {},
        after={"evaluation": report.evaluation.pk} if report else {},
    )
    acts.note("version refused", by=by, version=version.pk, event=event.pk)
