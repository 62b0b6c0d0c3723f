"""Registering models: a hub name, a folder or the bundled one becomes a version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ModelError
from moderation.clip.scoring import DEFAULT_THRESHOLD
from moderation.clip.statistics.calibration import Calibration
from moderation.models import ModelVersion, VersionEvent

from . import files, version_log

BUNDLED = "bundled"
Source = ModelVersion.Source
# After one of these, what a folder says of its threshold and calibration no longer holds.
_SET_HERE = [VersionEvent.Kind.CALIBRATED, VersionEvent.Kind.THRESHOLD]


def register(location: str) -> ModelVersion:
    """The version for a hub name, a local folder or `bundled`, made where it is new.

    Nothing is downloaded; what the folder says of itself (threshold, calibration) is taken over,
    unless it was set or fitted here since. Raises `ModelError`.
    Other weights in the same place are another version: old answers keep naming the old one.
    """
    if location == BUNDLED:
        return _register(checkpoint.BUNDLED_FOLDER, name=BUNDLED, source=Source.BUNDLED)
    folder = Path(location).expanduser()
    if folder.is_dir():
        folder = folder.resolve()
        return _register(folder, name=folder.name, source=Source.FOLDER)
    return _of_the_hub(location)


def _of_the_hub(name: str) -> ModelVersion:
    version, _ = ModelVersion.objects.get_or_create(
        name=name,
        defaults={
            "source": Source.HUB,
            "location": name,
            "revision": checkpoint.PINNED.get(name, ""),
            "threshold": DEFAULT_THRESHOLD,
        },
    )
    return version


def _register(folder: Path, *, name: str, source: str) -> ModelVersion:
    location = BUNDLED if source == Source.BUNDLED else str(folder)
    weights = checkpoint.resolve(location).weights_sha256
    trained = ModelVersion.objects.filter(
        source=Source.TRAINED, location=location, weights_sha256=weights
    ).first()
    if trained is not None:
        return trained  # the very folder that a training here has written
    found = {"location": location, **_said_of_itself(folder)}
    known = ModelVersion.objects.filter(source=source, weights_sha256=weights).first()
    if known is not None and _was_set_here(known):
        found = {"location": location}
    version, _ = ModelVersion.objects.update_or_create(
        source=source,
        weights_sha256=weights,
        defaults=found,
        create_defaults={**found, "name": _free_name(name, weights, source=source)},
    )
    return version


def _free_name(name: str, weights: str, *, source: str) -> str:
    """The name of a new version, with its weights' hash where the name alone tells too little."""
    if source == Source.FOLDER or _is_other(name, weights):
        name = f"{name}@{weights[:8]}"
    if ModelVersion.objects.filter(name=name, source=Source.TRAINED).exists():
        name = f"{name}-copy"  # of the folder that a training here has written
    return name


def _was_set_here(version: ModelVersion) -> bool:
    changes = version.events.filter(kind__in=_SET_HERE)
    return changes.exclude(after__has_any_keys=version_log.AUTOMATIC_KEYS).exists()


def _said_of_itself(folder: Path) -> dict[str, Any]:
    """Threshold, calibration and figures out of the folder's `clipmod.json`."""
    about = checkpoint.read_about(folder)
    platt, calibration = about.get("platt") or {}, about.get("calibration") or {}
    if platt:
        try:
            Calibration.from_json({**calibration, "platt": platt})
        except ValueError as error:
            path = folder / checkpoint.ABOUT_NAME
            raise ModelError(f"{path}: {error} Restore the file.") from error
    return {
        "threshold": about.get("threshold", DEFAULT_THRESHOLD),
        "platt_a": platt.get("a"),
        "platt_b": platt.get("b"),
        "calibration": calibration,
        "metrics": about.get("metrics", {}),
    }


def _is_other(name: str, weights: str) -> bool:
    """Whether this name stands for other weights already."""
    return ModelVersion.objects.filter(name=name).exclude(weights_sha256=weights).exists()


def obtain(location: str, *, progress: bool = False) -> ModelVersion:
    """Fetch a model by hub name or folder and register it; a name that leads nowhere leaves none.

    Raises `ModelError`.
    """
    resolved = checkpoint.resolve(location, progress=progress)
    version = register(location)
    files.record(version, resolved)
    return version
