"""Which version answers."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from moderation.clip.errors import ModelError
from moderation.models import ModelVersion

from . import version_log
from .registering import register

Source, Status = ModelVersion.Source, ModelVersion.Status


class NoActiveModel(ModelError):
    """Nothing was set up yet."""

    def __init__(self) -> None:
        super().__init__("No model is active; run `python manage.py setup` once.")


class Replaced(ModelError):
    """Work for a version that was active when it began, and is no longer."""


class Changed(ModelError):
    """The thresholds or the calibration are others by now than those that work began with."""


def check_as_it_was(version: ModelVersion) -> None:
    """Hold a version until the transaction ends, as it was when it was read.

    So what is written for it is all there before another one is activated, or it says otherwise of
    a pair, or not at all. Raises `Replaced` where it was active and is no longer, `Changed` where
    its thresholds or its calibration are others.
    """
    locked = ModelVersion.objects.select_for_update(no_key=True).filter(pk=version.pk)
    now = locked.values("status", *version_log.VERDICT_FIELDS).first()
    if version.status == Status.ACTIVE and (now is None or now["status"] != Status.ACTIVE):
        raise Replaced(
            f"“{version.name}” is no longer the active version; what was not scored by it yet is "
            "left to the one that is."
        )
    if now and any(now[name] != getattr(version, name) for name in version_log.VERDICT_FIELDS):
        raise Changed(f"The thresholds or the calibration of “{version.name}” have changed.")


def reread(version: ModelVersion) -> None:
    """Take over thresholds and calibration as they are now; whether it was active stays as read."""
    version.refresh_from_db(fields=version_log.VERDICT_FIELDS)


def current() -> ModelVersion:
    """The version that new analyses use: `CLIP_MODEL_PATH` if set, else the active one."""
    if settings.CLIP_MODEL_PATH:
        return from_path(settings.CLIP_MODEL_PATH)
    version = ModelVersion.objects.filter(status=Status.ACTIVE).first()
    if version is None:
        raise NoActiveModel
    return version


def is_current(version: ModelVersion) -> bool:
    """Whether `current()` would give this version, as far as the object at hand knows."""
    if settings.CLIP_MODEL_PATH:
        return version.location == str(Path(settings.CLIP_MODEL_PATH).expanduser().resolve())
    return version.status == Status.ACTIVE


def second_judge() -> ModelVersion | None:
    """The version that `CLIP_SECOND_JUDGE` names; None where it names none that is registered."""
    name = settings.CLIP_SECOND_JUDGE
    return ModelVersion.objects.filter(name=name).first() if name else None


def from_path(path: str) -> ModelVersion:
    """The version of `CLIP_MODEL_PATH`, registered where it is new. Raises `ModelError`."""
    folder = Path(path).expanduser().resolve()
    if not folder.is_dir():
        raise ModelError(
            f"CLIP_MODEL_PATH is {path}, which is no folder; set it to a model folder."
        )
    known = ModelVersion.objects.filter(source=Source.FOLDER, location=str(folder))
    return known.order_by("-pk").first() or register(str(folder))
