"""Fitting a version's probabilities to what people decided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction

from moderation.clip.errors import ClipError
from moderation.clip.statistics import gate
from moderation.clip.statistics.assess import JudgedPairs, Scores
from moderation.clip.statistics.calibration import Calibration
from moderation.clip.statistics.calibration_choice import FOLDS, fit_calibration, left_out
from moderation.clip.statistics.gate_better import better
from moderation.clip.statistics.weights import flattened
from moderation.models import ModelVersion, VersionEvent

from .judged import ScoredLabel, judged

LEAST = 20  # labels of either kind
# With fewer than that it is calibrated only where held-back decisions prove a gain.
LEAST_TO_PROVE = 2 * FOLDS


class NotCalibrated(ClipError):
    """The decisions do not support a calibration; the previous one stays."""


def calibrate(version: ModelVersion, *, by: User | None = None) -> Calibration:
    """Fit P(mismatch) to the decisions on what this version has scored, store it and log it.

    Finished analyses take the new probabilities, and the thresholds that follow from category
    offsets, when `manage.py reanalyze` judges them again. Raises `NotCalibrated`.
    """
    labels = _labels(version)
    wrong = sum(not label.is_match for label in labels)
    proven = _held_back(version, labels)
    for count, kind in ((wrong, "mismatches"), (len(labels) - wrong, "matches")):
        if count < LEAST and not (proven and proven.passed):
            raise NotCalibrated(
                f"Not calibrated: it needs at least {LEAST} decided {kind} that {version.name} "
                f"has scored, there are {count}; decide {LEAST - count} more."
            )
    found = fit_calibration(
        [label.similarity for label in labels],
        [int(label.is_match) for label in labels],
        weights=flattened([label.weight for label in labels]),
        categories=[label.category for label in labels],
    )
    if found.platt.a >= 0:
        raise NotCalibrated(
            f"Not calibrated: in {len(labels):,} decisions, higher similarities of {version.name} "
            "are not rarer mismatches. Look at the decisions, or train the model."
        )
    _store(version, found, by=by)
    return found


@dataclass(frozen=True)
class HeldBack:
    """The Brier score of P(mismatch), lower is better: now, and fitted to the other decisions."""

    before: float
    after: float
    passed: bool  # by the condition of the gate


def held_back(version: ModelVersion) -> HeldBack | None:
    """What a calibration would change on decisions that it is not fitted to; None: too few."""
    return _held_back(version, _labels(version))


def _labels(version: ModelVersion) -> list[ScoredLabel]:
    # Gold judges the probabilities at the gate, so nothing is fitted on it.
    return [label for label in judged(version) if not label.drawn_for_gold]


def _held_back(version: ModelVersion, labels: list[ScoredLabel]) -> HeldBack | None:
    now = version.calibrated
    is_match = np.array([label.is_match for label in labels], dtype=int)
    fewest = min(int(is_match.sum()), int((is_match == 0).sum()))
    if now is None or not LEAST_TO_PROVE <= fewest < LEAST:
        return None
    similarity = np.array([label.similarity for label in labels])
    weights = np.array([label.weight for label in labels])
    categories = [label.category for label in labels]
    p_now = np.array([now.p_mismatch(one.similarity, one.category) for one in labels])
    p_then = left_out(similarity, is_match, weights=flattened(weights), categories=categories)
    pairs = JudgedPairs(
        labels=is_match,
        weights=weights,
        groups=[str(place) for place in range(len(labels))],
        categories=categories,
        kinds=[""] * len(labels),
    )
    flagged = np.zeros(len(labels), dtype=bool)
    sides = [Scores(similarity, flagged, p_mismatch=p) for p in (p_now, p_then)]
    found = better(pairs, *sides, times=gate.TIMES, seed=0)
    return HeldBack(found.figures["before"], found.figures["after"], bool(found.passed))


def _store(version: ModelVersion, found: Calibration, *, by: User | None) -> None:
    with transaction.atomic():
        locked = ModelVersion.objects.select_for_update().get(pk=version.pk)
        before = locked.calibrated
        platt, more = found.platt, found.as_json()
        del more["platt"]  # it has columns of its own
        locked.platt_a, locked.platt_b, locked.calibration = platt.a, platt.b, more
        locked.save(update_fields=["platt_a", "platt_b", "calibration"])
        VersionEvent.objects.create(
            version=locked,
            kind=VersionEvent.Kind.CALIBRATED,
            by=by,
            reason=str(found.fitted.get("why", "")),
            before=before.as_json() if before else {},
            after=found.as_json(),
        )
    version.refresh_from_db()
