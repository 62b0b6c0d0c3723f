"""Registering models: a hub name, a folder or the bundled one becomes a version."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from moderation.clip.checkpoints import checkpoint, known, languages
from moderation.clip.errors import ModelError
from moderation.clip.explanation.margins import Margins
from moderation.clip.scoring import DEFAULT_THRESHOLD
from moderation.clip.statistics.calibration import Calibration
from moderation.models import ModelVersion, VersionEvent

from . import files, version_log

BUNDLED = "bundled"
MARGINS = "explanations"  # in `metrics`, and in a folder's clipmod.json
PREVALENCE = version_log.PREVALENCE
Source = ModelVersion.Source
# After one of these, what a folder says of its threshold and calibration no longer holds.
_SET_HERE = [VersionEvent.Kind.CALIBRATED, VersionEvent.Kind.THRESHOLD]


def register(location: str) -> ModelVersion:
    """The version for a hub name, a preset, a local folder or `bundled`, made where it is new.

    Nothing is downloaded; what the folder says of itself (threshold, calibration) is taken over,
    unless it was set or fitted here since. Raises `ModelError`.
    Other files in the same place are another version: old answers keep naming the old one.
    """
    location = known.full_name(location)
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
            "languages": known.languages(name),
        },
    )
    return version


def _register(folder: Path, *, name: str, source: str) -> ModelVersion:
    location = BUNDLED if source == Source.BUNDLED else str(folder)
    resolved = checkpoint.resolve(location)
    trained = _with_files(resolved, ModelVersion.objects.filter(location=location), Source.TRAINED)
    if trained is not None:
        return trained  # the very folder that a training here has written
    found = {"location": location, **_said_of_itself(folder)}
    known = _with_files(resolved, ModelVersion.objects.all(), source)
    if known is not None and _was_set_here(known):
        found = {"location": location, "languages": found["languages"]}
    elif known is not None:
        if MARGINS in known.metrics:
            found["metrics"] = {MARGINS: known.metrics[MARGINS], **found["metrics"]}
        if PREVALENCE in known.calibration:
            found["calibration"] = {
                PREVALENCE: known.calibration[PREVALENCE],
                **found["calibration"],
            }
    version, _ = ModelVersion.objects.update_or_create(
        source=source,
        weights_sha256=resolved.weights_sha256,
        files_sha256=resolved.files_sha256,
        defaults=found,
        create_defaults={**found, "name": _free_name(name, resolved, source=source)},
    )
    return version


def _with_files(
    resolved: checkpoint.ResolvedModel, versions: QuerySet[ModelVersion], source: str
) -> ModelVersion | None:
    """The version with these very files, if there is one.

    One of the same weights that was registered before the other files were hashed is taken to have
    these: it keeps its identity.
    """
    same = versions.filter(source=source, weights_sha256=resolved.weights_sha256)
    version = same.filter(files_sha256=resolved.files_sha256).first()
    if version is None and (version := same.filter(files_sha256="").first()) is not None:
        version.files_sha256 = resolved.files_sha256
        version.save(update_fields=["files_sha256"])
    return version


def _free_name(name: str, resolved: checkpoint.ResolvedModel, *, source: str) -> str:
    """The name of a new version, with hashes of its files where the name alone tells too little."""
    weights, files = resolved.weights_sha256, resolved.files_sha256
    named = ModelVersion.objects.filter
    if source == Source.FOLDER or named(name=name).exclude(weights_sha256=weights).exists():
        name = f"{name}@{weights[:8]}"
    if named(name=name, source=Source.TRAINED).exists():
        name = f"{name}-copy"  # of the folder that a training here has written
    others = named(name=name, weights_sha256=weights).exclude(files_sha256=files)
    return f"{name}-{files[:8]}" if others.exists() else name


def _was_set_here(version: ModelVersion) -> bool:
    changes = version.events.filter(kind__in=_SET_HERE)
    others = [*version_log.AUTOMATIC_KEYS, PREVALENCE]
    return changes.exclude(after__has_any_keys=others).exists()


def _said_of_itself(folder: Path) -> dict[str, Any]:
    """Threshold, calibration, figures, margins and languages out of the folder's `clipmod.json`."""
    about, path = checkpoint.read_about(folder), folder / checkpoint.ABOUT_NAME
    platt, calibration = about.get("platt") or {}, about.get("calibration") or {}
    margins = {MARGINS: about[MARGINS]} if about.get(MARGINS) else {}
    try:
        if platt:
            Calibration.from_json({**calibration, "platt": platt})
        if margins:
            Margins.from_json(margins[MARGINS])
    except ValueError as error:
        raise ModelError(f"{path}: {error} Restore the file.") from error
    return {
        "threshold": checkpoint.threshold(folder),
        "platt_a": platt.get("a"),
        "platt_b": platt.get("b"),
        "calibration": calibration,
        "metrics": {**about.get("metrics", {}), **margins},
        "languages": languages.said(about, path=path),
    }


def named(name: str, *, accept_licence: bool = False) -> ModelVersion:
    """The version of this name, or of the hub name, preset or folder, fetched where it is new.

    A name that leads nowhere leaves none. Raises `ModelError`.
    """
    names = {name, known.full_name(name)}
    if (version := ModelVersion.objects.filter(name__in=names).first()) is not None:
        return version
    resolved = checkpoint.resolve(name, progress=True, accept_licence=accept_licence)
    version = register(name)
    files.record(version, resolved)
    return version
