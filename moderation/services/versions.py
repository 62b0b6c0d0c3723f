"""Which model runs: registering versions, activating one, and the threshold that holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from moderation.clip import checkpoint
from moderation.clip.errors import ModelError, ModelUnavailable
from moderation.clip.scoring import DEFAULT_THRESHOLD
from moderation.models import Category, ModelVersion

BUNDLED = "bundled"
Source, Status = ModelVersion.Source, ModelVersion.Status


class NoActiveModel(ModelError):  # noqa: N818 - the sentence is the name's point
    """Nothing was set up yet."""

    def __init__(self) -> None:
        super().__init__("No model is active; run `python manage.py setup` once.")


def register(location: str) -> ModelVersion:
    """The version for a hub name, a local folder or `bundled`, made where it is new.

    Nothing is downloaded; what the folder says of itself (threshold, calibration) is taken over.
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
    about = checkpoint.read_about(folder)
    platt = about.get("platt") or {}
    if source == Source.FOLDER or _is_other(name, weights):
        name = f"{name}@{weights[:8]}"
    found: dict[str, Any] = {
        "location": location,
        "threshold": about.get("threshold", DEFAULT_THRESHOLD),
        "platt_a": platt.get("a"),
        "platt_b": platt.get("b"),
        "metrics": about.get("metrics", {}),
    }
    version, _ = ModelVersion.objects.update_or_create(
        source=source,
        weights_sha256=weights,
        defaults=found,
        create_defaults={**found, "name": name},
    )
    return version


def _is_other(name: str, weights: str) -> bool:
    """Whether this name stands for other weights already."""
    return ModelVersion.objects.filter(name=name).exclude(weights_sha256=weights).exists()


def activate(version: ModelVersion) -> None:
    """Make this the one active version."""
    with transaction.atomic():
        ModelVersion.objects.filter(status=Status.ACTIVE).exclude(pk=version.pk).update(
            status=Status.AVAILABLE
        )
        ModelVersion.objects.filter(pk=version.pk).update(
            status=Status.ACTIVE, activated_at=timezone.now()
        )
    version.refresh_from_db()


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
    """The threshold that holds: asked for, else the category's, the setting's, the version's."""
    for threshold in (
        override,
        category.threshold if category else None,
        settings.CLIP_SIMILARITY_THRESHOLD,
    ):
        if threshold is not None:
            return threshold
    return version.threshold
