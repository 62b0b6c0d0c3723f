"""Which model runs: registering versions, activating one, and the threshold that holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ModelError, ModelUnavailable
from moderation.clip.scoring import DEFAULT_THRESHOLD
from moderation.clip.statistics.calibration import Calibration
from moderation.models import Category, ModelVersion, VersionEvent

from . import version_log

BUNDLED = "bundled"
Source, Status = ModelVersion.Source, ModelVersion.Status
# After one of these, what a folder says of its threshold and calibration no longer holds.
_SET_HERE = [VersionEvent.Kind.CALIBRATED, VersionEvent.Kind.THRESHOLD]


class NoActiveModel(ModelError):  # noqa: N818 - the sentence is the name's point
    """Nothing was set up yet."""

    def __init__(self) -> None:
        super().__init__("No model is active; run `python manage.py setup` once.")


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
    version, _ = ModelVersion.objects.get_or_create(
        name=location,
        defaults={
            "source": Source.HUB,
            "location": location,
            "revision": checkpoint.PINNED.get(location, ""),
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
    if source == Source.FOLDER or _is_other(name, weights):
        name = f"{name}@{weights[:8]}"
    if ModelVersion.objects.filter(name=name, source=Source.TRAINED).exists():
        name = f"{name}-copy"  # of the folder that a training here has written
    found = {"location": location, **_said_of_itself(folder)}
    known = ModelVersion.objects.filter(source=source, weights_sha256=weights).first()
    if known is not None and _was_set_here(known):
        found = {"location": location}
    version, _ = ModelVersion.objects.update_or_create(
        source=source,
        weights_sha256=weights,
        defaults=found,
        create_defaults={**found, "name": name},
    )
    return version


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


def activate(
    version: ModelVersion,
    *,
    by: User | None = None,
    kind: str = VersionEvent.Kind.ACTIVATED,
    reason: str = "",
) -> VersionEvent | None:
    """Make this the one active version and log what it replaced; None where it was active before.

    Raises `NeedsTheGate` for the weights of a candidate, unless `kind` says that the gate or a
    lead let them pass, and `Overtaken` where another one became active at the same moment.
    """
    with transaction.atomic():
        active = version_log.hold_active(wanted=version)
        if active is not None and active.pk == version.pk:
            version.refresh_from_db()
            return None
        if kind == VersionEvent.Kind.ACTIVATED:
            version_log.refuse_candidates(version)
        if active is not None:
            active.status = Status.AVAILABLE
            active.save(update_fields=["status"])
        version_log.make_active(version)
        version.refresh_from_db()
        return VersionEvent.objects.create(
            version=version,
            kind=kind,
            by=by,
            reason=reason,
            before=version_log.state_to_return_to(active) if active else {},
            after=version_log.state(version) | version_log.stop_automatic_action(version, by=by),
        )


class Replaced(ModelError):  # noqa: N818 - the sentence is the name's point
    """Work for a version that was active when it began, and is no longer."""


def check_not_replaced(version: ModelVersion) -> None:
    """Hold the active version until the transaction ends; nothing is asked of other versions.

    So what is written for it is all there before another one is activated, or not at all. Raises
    `Replaced` where `version` was active when it was read, and is no longer.
    """
    if version.status != Status.ACTIVE:
        return
    held = ModelVersion.objects.select_for_update(no_key=True)
    if not held.filter(pk=version.pk, status=Status.ACTIVE):
        raise Replaced(
            f"“{version.name}” is no longer the active version; what was not scored by it yet is "
            "left to the one that is."
        )


def set_up(*, progress: bool = False) -> tuple[ModelVersion, str]:
    """Register the models and, where none is active, pick one; returns it and why it was picked.

    The model of `CLIP_MODEL_NAME` is fetched; where the hub cannot be reached and nothing is
    cached, the bundled one is activated instead, once. Later runs never switch by themselves,
    but for bundled weights that a new release has replaced: the old ones are no longer there.
    """
    bundled = register(BUNDLED)
    wanted = register(settings.CLIP_MODEL_NAME)
    if settings.CLIP_MODEL_PATH:
        register(settings.CLIP_MODEL_PATH)
    log_configured()
    active = ModelVersion.objects.filter(status=Status.ACTIVE).first()
    if active is not None and active.source == Source.BUNDLED and active != bundled:
        activate(bundled)
        return bundled, "the bundled model of this release; run `manage.py reanalyze --stale`"
    if active is not None:
        return active, "as before"
    try:
        fetch(wanted, progress=progress)
    except ModelUnavailable as error:
        activate(bundled)
        return bundled, f"INSTEAD of {wanted.name}, for now and until you change it. {error}"
    activate(wanted)
    return wanted, "as CLIP_MODEL_NAME asks"


def obtain(location: str, *, progress: bool = False) -> ModelVersion:
    """Fetch a model by hub name or folder and register it; a name that leads nowhere leaves none.

    Raises `ModelError`.
    """
    resolved = checkpoint.resolve(location, progress=progress)
    version = register(location)
    _record(version, resolved)
    return version


def fetch(version: ModelVersion, *, progress: bool = False) -> Path:
    """The folder with the version's files, downloaded where needed; records what was resolved."""
    resolved = checkpoint.resolve(
        version.location, revision=version.revision or None, progress=progress
    )
    _record(version, resolved)
    return resolved.folder


def folder_of(version: ModelVersion) -> Path:
    """The folder with the version's files, without any network. Raises `ModelUnavailable`.

    Raises `ModelError` where the weights are not the ones the version was registered with.
    """
    resolved = checkpoint.resolve(
        version.location, revision=version.revision or None, local_only=True
    )
    _record(version, resolved)
    return resolved.folder


def _record(version: ModelVersion, resolved: checkpoint.ResolvedModel) -> None:
    if version.weights_sha256 and version.weights_sha256 != resolved.weights_sha256:
        raise ModelError(
            f"The weights in {resolved.folder} changed since model version “{version.name}” was "
            "registered; restore the folder, or run `python manage.py setup` to register anew."
        )
    if version.weights_sha256 and version.revision == (resolved.revision or ""):
        return
    version.weights_sha256 = resolved.weights_sha256
    version.revision = resolved.revision or ""
    version.save(update_fields=["weights_sha256", "revision"])


def current() -> ModelVersion:
    """The version that new analyses use: `CLIP_MODEL_PATH` if set, else the active one."""
    if settings.CLIP_MODEL_PATH:
        return _from_path(settings.CLIP_MODEL_PATH)
    version = ModelVersion.objects.filter(status=Status.ACTIVE).first()
    if version is None:
        raise NoActiveModel
    return version


def log_configured() -> None:
    """Add to the log where the setting `CLIP_MODEL_PATH` decides since now which version answers,
    or where it does no longer. Raises `ModelError` for a path that leads to no model.

    No gate is asked then: whoever sets it must at least be able to find that out later.
    """
    path = settings.CLIP_MODEL_PATH or ""
    version = (
        _from_path(path) if path else ModelVersion.objects.filter(status=Status.ACTIVE).first()
    )
    if version is not None:
        version_log.note_configured(version, path=path)


def is_current(version: ModelVersion) -> bool:
    """Whether `current()` would give this version, as far as the object at hand knows."""
    if settings.CLIP_MODEL_PATH:
        return version.location == str(Path(settings.CLIP_MODEL_PATH).expanduser().resolve())
    return version.status == Status.ACTIVE


def _from_path(path: str) -> ModelVersion:
    folder = Path(path).expanduser().resolve()
    if not folder.is_dir():
        raise ModelError(
            f"CLIP_MODEL_PATH is {path}, which is no folder; set it to a model folder."
        )
    known = ModelVersion.objects.filter(source=Source.FOLDER, location=str(folder))
    return known.order_by("-pk").first() or register(str(folder))


def threshold_for(
    version: ModelVersion, *, category: Category | None = None, override: float | None = None
) -> float:
    """The threshold that holds: asked for, else the category's, the setting's, the version's.

    The version's is moved in a category whose mismatches are likelier or rarer than its
    similarities say elsewhere, so that the same P(mismatch) flags everywhere.
    """
    for threshold in (
        override,
        category.threshold if category else None,
        settings.CLIP_SIMILARITY_THRESHOLD,
    ):
        if threshold is not None:
            return threshold
    return _in_category(version, version.threshold, category)


def clear_threshold_for(
    version: ModelVersion, *, category: Category | None = None, override: float | None = None
) -> float | None:
    """Below it a mismatch is clear, or None without such a band; never above the threshold."""
    if version.clear_threshold is None:
        return None
    limit = threshold_for(version, category=category, override=override)
    return min(_in_category(version, version.clear_threshold, category), limit)


def _in_category(version: ModelVersion, threshold: float, category: Category | None) -> float:
    if category is None or not version.calibration.get("offsets"):
        return threshold
    calibration = version.calibrated
    if calibration is None:
        return threshold
    return min(max(calibration.threshold_in(category.name, threshold), -1.0), 1.0)
