"""A version's thresholds: what is known of them, what a target requires, and setting them.

Thresholds are similarities of products without category. Where the calibration has category
offsets, scores are first brought there (`Calibration.as_elsewhere`), so that one histogram and
one threshold stand for all. Categories with a threshold set by hand are excluded: no target
moves them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.contrib.auth.models import User
from django.db import transaction

from moderation.clip.errors import ClipError
from moderation.clip.statistics import labelled_scores, thresholds
from moderation.clip.statistics.labelled_scores import Estimate, Histogram, LabelledScores
from moderation.clip.statistics.precision_threshold import by_precision
from moderation.clip.statistics.recall_threshold import by_recall
from moderation.models import ModelVersion, VersionEvent

from .known_scores import known_scores

CLEAR_CONFIDENCE = 0.9

Kind = Literal["budget", "precision", "recall", "value"]


class ThresholdError(ClipError):
    """A target that gives no threshold; `str(error)` is a sentence for people."""


@dataclass(frozen=True)
class Target:
    """What the thresholds must reach. `amount`: items a day, a share from 0 to 1, or a value.

    `confidence` is for precision and, where given, for recall. `clear_precision` requests a band
    of clear mismatches that holds this precision; None leaves the band as it is, 0 removes it.
    """

    kind: Kind
    amount: float
    confidence: float | None = None
    arrivals: float | None = None
    clear_precision: float | None = None


@dataclass(frozen=True)
class Effect:
    """What one threshold does: products it flags, and how well as far as labels show."""

    threshold: float
    flagged: int
    share: float
    precision: Estimate | None
    recall: Estimate | None


@dataclass(frozen=True)
class Proposal:
    """Thresholds for a target, why, and what they do."""

    target: Target
    threshold: float
    clear_threshold: float | None
    sentences: list[str]


@dataclass(frozen=True)
class Evidence:
    """What is known of a version's scores: the catalogue's, and those with labels."""

    version: ModelVersion
    catalogue: Histogram
    labels: LabelledScores
    spread: LabelledScores  # the labels, weighted to the catalogue
    arrivals: float  # products a day
    cached_since: datetime | None  # None: as they are now

    def effect(self, threshold: float) -> Effect:
        """What this threshold would do to the catalogue."""
        flagged = self.catalogue.below(threshold)
        return Effect(
            threshold=threshold,
            flagged=flagged,
            share=flagged / self.catalogue.total if self.catalogue.total else 0.0,
            precision=labelled_scores.precision(self.spread, threshold),
            recall=labelled_scores.recall(self.spread, threshold),
        )


def evidence(version: ModelVersion) -> Evidence:
    """Scores and labels; of a large catalogue as they were some minutes ago."""
    known = known_scores(version)
    return Evidence(
        version=version,
        catalogue=known.value.catalogue,
        labels=known.value.labels,
        spread=known.value.spread,
        arrivals=known.value.arrivals,
        cached_since=known.cached_since,
    )


# ── Choosing ──────────────────────────────────────────────────────────────────────────────────
def propose(found: Evidence, target: Target) -> Proposal:
    """The thresholds that the target requires. Raises `ThresholdError` where nothing warrants it.

    A band of clear mismatches that the labels cannot warrant is left away, with a sentence.
    """
    threshold, sentence = _threshold(found, target)
    clear, more = _clear(found, target, threshold)
    warnings = _warnings(threshold, clear)
    return Proposal(target, threshold, clear, [sentence, *more, *warnings])


def _threshold(found: Evidence, target: Target) -> tuple[float, str]:
    if target.kind == "value":
        return target.amount, "Set by hand."
    if not found.catalogue.total:
        raise ThresholdError(
            f"No product of the catalogue was scored by {found.version.name} yet; run python "
            "manage.py reanalyze --stale, or set a value."
        )
    if target.kind == "budget":
        arrivals = found.arrivals if target.arrivals is None else target.arrivals
        if arrivals <= 0:
            raise ThresholdError("Nothing arrived in four weeks; say how many products a day do.")
        chosen = thresholds.by_budget(found.catalogue, reviews=target.amount, arrivals=arrivals)
        return chosen.threshold, chosen.sentence
    if target.kind == "precision":
        answer = by_precision(
            found.spread, target=target.amount, confidence=target.confidence or CLEAR_CONFIDENCE
        )
    else:
        answer = by_recall(found.spread, target=target.amount, confidence=target.confidence)
    if not isinstance(answer, thresholds.ChosenThreshold):
        raise ThresholdError(answer.sentence)
    return answer.threshold, answer.sentence


def _clear(found: Evidence, target: Target, threshold: float) -> tuple[float | None, list[str]]:
    if target.clear_precision is None:
        kept = found.version.clear_threshold
        return (None if kept is None else min(kept, threshold)), []
    if not target.clear_precision:
        return None, ["No band of clear mismatches."]
    answer = by_precision(found.spread, target=target.clear_precision, confidence=CLEAR_CONFIDENCE)
    if isinstance(answer, thresholds.ChosenThreshold):
        return min(answer.threshold, threshold), [f"Clear mismatches: {answer.sentence}"]
    return None, [f"No band of clear mismatches: {answer.sentence}"]


def _warnings(threshold: float, clear: float | None) -> list[str]:
    said = "Clear mismatches reach up to the threshold: nothing is left for review."
    return [] if clear is None or clear < threshold else [said]


# ── Setting ───────────────────────────────────────────────────────────────────────────────────
def set_thresholds(
    version: ModelVersion, proposal: Proposal, *, by: User | None = None
) -> VersionEvent:
    """Let these thresholds hold for new analyses, and log what they replace.

    Finished analyses follow with `manage.py reanalyze --stale`.
    """
    chosen = {
        "threshold": proposal.threshold,
        "clear_threshold": proposal.clear_threshold,
        "thresholds_from": _as_json(proposal.target),
    }
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update().get(pk=version.pk)
        before = {name: getattr(locked, name) for name in chosen}
        for name, value in chosen.items():
            setattr(locked, name, value)
        locked.save(update_fields=list(chosen))
        event = VersionEvent.objects.create(
            version=locked,
            kind=VersionEvent.Kind.THRESHOLD,
            by=by,
            reason=" ".join(proposal.sentences)[:500],
            before=before,
            after=chosen,
        )
    version.refresh_from_db()
    return event


def _as_json(target: Target) -> dict[str, Any]:
    return {name: value for name, value in vars(target).items() if value is not None}
