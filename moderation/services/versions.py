"""Which model runs: registering versions, activating one, and the threshold that holds."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from moderation.clip import checkpoint
from moderation.clip.errors import ModelError, ModelUnavailable
from moderation.clip.scoring import DEFAULT_THRESHOLD
from moderation.models import Category, ModelVersion

BUNDLED = "bundled"


class NoActiveModel(ModelError):  # noqa: N818 - the sentence is the name's point
    """Nothing was set up yet."""

    def __init__(self) -> None:
        super().__init__("No model is active; run `python manage.py setup` once.")


def register(location: str) -> ModelVersion:
    """The version for a hub name, a local folder or `bundled`, made where it is new.

    Nothing is downloaded; what the folder says of itself (threshold, calibration) is taken over.
    """
    if location == BUNDLED:
        return _register(BUNDLED, ModelVersion.Source.BUNDLED, checkpoint.resolve(BUNDLED).folder)
    folder = Path(location).expanduser()
    if folder.is_dir():
        resolved = checkpoint.resolve(str(folder.resolve()))
        name = f"{folder.resolve().name}@{resolved.weights_sha256[:8]}"
        return _register(
            name, ModelVersion.Source.FOLDER, resolved.folder, sha256=resolved.weights_sha256
        )
    version, _ = ModelVersion.objects.get_or_create(
        name=location,
        defaults={
            "source": ModelVersion.Source.HUB,
            "location": location,
            "revision": checkpoint.PINNED.get(location, ""),
            "threshold": DEFAULT_THRESHOLD,
        },
    )
    return version


def _register(name: str, source: str, folder: Path, *, sha256: str = "") -> ModelVersion:
    about = checkpoint.read_about(folder)
    platt = about.get("platt") or {}
    version, _ = ModelVersion.objects.update_or_create(
        name=name,
        weights_sha256=sha256 or checkpoint.weights_sha256(folder),
        defaults={
            "source": source,
            "location": BUNDLED if source == ModelVersion.Source.BUNDLED else str(folder),
            "threshold": about.get("threshold", DEFAULT_THRESHOLD),
            "platt_a": platt.get("a"),
            "platt_b": platt.get("b"),
            "metrics": about.get("metrics", {}),
        },
    )
    return version


def activate(version: ModelVersion) -> None:
    """Make this the one active version."""
    with transaction.atomic():
        ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).exclude(
            pk=version.pk
        ).update(status=ModelVersion.Status.AVAILABLE)
        ModelVersion.objects.filter(pk=version.pk).update(
            status=ModelVersion.Status.ACTIVE, activated_at=timezone.now()
        )
    version.refresh_from_db()


def set_up(*, progress: bool = False) -> tuple[ModelVersion, str]:
    """Register the models and, where none is active, pick one; returns it and why it was picked.

    The model of `CLIP_MODEL_NAME` is fetched; where the hub cannot be reached and nothing is
    cached, the bundled one is activated instead, once. Later runs never switch by themselves.
    """
    bundled = register(BUNDLED)
    wanted = register(settings.CLIP_MODEL_NAME)
    active = ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).first()
    if active is not None:
        return active, "as before"
    try:
        fetch(wanted, progress=progress)
    except ModelUnavailable as error:
        activate(bundled)
        return bundled, f"INSTEAD of {wanted.name}, for now and until you change it. {error}"
    activate(wanted)
    return wanted, "as CLIP_MODEL_NAME asks"


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
    version = ModelVersion.objects.filter(status=ModelVersion.Status.ACTIVE).first()
    if version is None:
        raise NoActiveModel
    return version


def _from_path(path: str) -> ModelVersion:
    folder = Path(path).expanduser().resolve()
    if not folder.is_dir():
        raise ModelError(
            f"CLIP_MODEL_PATH is {path}, which is no folder; set it to a model folder."
        )
    known = ModelVersion.objects.filter(
        source=ModelVersion.Source.FOLDER, location=str(folder)
    ).first()
    return known or register(str(folder))


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
