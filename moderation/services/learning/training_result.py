"""What a training came to: a candidate, or nothing where it is as its base."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from django.db import transaction

from moderation.clip.checkpoints import checkpoint
from moderation.models import ModelVersion, TrainingRun, VersionEvent

from ..encoding import head_maps
from ..rules import reading
from .training_log import Keeper

if TYPE_CHECKING:
    from moderation.clip.finetune.data import FinetuneData
    from moderation.clip.finetune.run import FinetuneResult

Mode = TrainingRun.Mode
# A probability that moves by less shows no moderator anything else.
LEAST_CHANGE = 0.005
NOTHING_GAINED = (
    "Nothing was gained: weights, threshold and probabilities are those of {base}, so no candidate "
    "was made. More decisions help most."
)
CALIBRATION_ONLY = (
    "Calibration only: the weights and the threshold are those of {base}, and only the "
    "probabilities are new."
)


def register(
    run: TrainingRun, keeper: Keeper, result: FinetuneResult, *, data: FinetuneData
) -> ModelVersion | None:
    """The CANDIDATE for what was trained, with all that its folder says of itself.

    None where nothing was gained. The run says what was really done, and why.
    """
    about = checkpoint.read_about(result.folder)
    done: dict[str, Any] = {"reasons": list(result.reasons)}
    if result.mode != run.mode and result.mode in Mode.values:
        asked = {"mode_asked": run.get_mode_display()}
        done |= {"mode": result.mode, "options": run.options | asked}
    if result.mode == Mode.CALIBRATE:
        same = is_as_before(run.base, about)
        sentence = NOTHING_GAINED if same else CALIBRATION_ONLY
        done["reasons"].append(sentence.format(base=run.base.name))
        if same:
            keeper.save(**done)
            return None
    with transaction.atomic():
        version = _candidate(run, result, about, languages=_languages(run.base, result, data))
        keeper.save(version=version, **done)
    return version


def is_as_before(base: ModelVersion, about: Mapping[str, Any]) -> bool:
    """Whether a calibration of the base's own weights says nothing that the base does not.

    So it is above all where the curve was carried over, for lack of labels to fit one.
    """
    if abs(about["threshold"] - base.threshold) > 1e-6 or base.calibrated is None:
        return False
    from moderation.clip.statistics.calibration import Calibration

    found = about.get("calibration") or {}
    new, old = Calibration.from_json({**found, "platt": about["platt"]}), base.calibrated
    return all(
        abs(new.p_mismatch(at, category) - old.p_mismatch(at, category)) < LEAST_CHANGE
        for category in {None, *new.offsets, *old.offsets}
        for at in np.linspace(-1, 1, 401).tolist()
    )


def name_for(run: TrainingRun) -> str:
    """The base's name without hub folder and earlier trainings, and the training's number."""
    plain = run.base.name.rpartition("/")[2].partition("@")[0]
    return f"{re.sub(r'-t[0-9]+$', '', plain)}-t{run.pk}"


def _languages(base: ModelVersion, result: FinetuneResult, data: FinetuneData) -> list[str]:
    """What the new version reads. A text tower that stays as it is learns no language, and of one
    with fewer texts than an adaptation asks for nothing is learned that holds for others."""
    if result.same_towers:
        return base.languages
    from moderation.clip.finetune.auto import MIN_LISTINGS

    listings = data.listings.texts if data.listings else []
    return reading.learned(base, [*data.train.texts, *listings], least=MIN_LISTINGS)


def _candidate(
    run: TrainingRun, result: FinetuneResult, about: Mapping[str, Any], *, languages: list[str]
) -> ModelVersion:
    platt = about.get("platt") or {}
    version = ModelVersion.objects.create(
        name=name_for(run),
        source=ModelVersion.Source.TRAINED,
        location=str(result.folder),
        weights_sha256=checkpoint.weights_sha256(result.folder),
        files_sha256=checkpoint.files_sha256(result.folder),
        status=ModelVersion.Status.CANDIDATE,
        parent=run.base,
        vision_of=head_maps.towers_of(run.base) if result.same_towers else None,
        threshold=about["threshold"],
        clear_threshold=about.get("clear_threshold"),
        platt_a=platt.get("a"),
        platt_b=platt.get("b"),
        calibration=about.get("calibration") or {},
        metrics=about.get("metrics") or result.metrics,
        languages=languages,
    )
    VersionEvent.objects.create(
        version=version,
        kind=VersionEvent.Kind.CALIBRATED,
        by=run.requested_by,
        reason=f"Training {run.pk}, mode {result.mode}",
        after={"platt_a": version.platt_a, "platt_b": version.platt_b},
    )
    return version
