"""Fitting a version's probabilities to what people decided."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from moderation.clip.errors import ClipError
from moderation.clip.statistics.calibration import Calibration
from moderation.clip.statistics.calibration_choice import fit_calibration
from moderation.clip.statistics.weights import flattened
from moderation.models import ModelVersion, VersionEvent

from .judged import judged

LEAST = 20  # labels of either kind


class NotCalibrated(ClipError):
    """The decisions do not support a calibration; the previous one stays."""


def calibrate(version: ModelVersion, *, by: User | None = None) -> Calibration:
    """Fit P(mismatch) to the decisions on what this version has scored, store it and log it.

    Finished analyses take the new probabilities, and the thresholds that follow from category
    offsets, when `manage.py reanalyze` judges them again. Raises `NotCalibrated`.
    """
    # Gold judges the probabilities at the gate, so nothing is fitted on it.
    labels = [label for label in judged(version) if not label.drawn_for_gold]
    wrong = sum(not label.is_match for label in labels)
    for count, kind in ((wrong, "mismatches"), (len(labels) - wrong, "matches")):
        if count < LEAST:
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
