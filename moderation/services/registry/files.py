"""Where a version's files are on this machine, and whether they are still its own."""

from __future__ import annotations

from pathlib import Path

from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ModelError
from moderation.clip.scoring import DEFAULT_THRESHOLD
from moderation.models import ModelVersion


def fetch(version: ModelVersion, *, progress: bool = False, accept_licence: bool = False) -> Path:
    """The folder with the version's files, downloaded where needed; records what was resolved."""
    resolved = checkpoint.resolve(
        version.location,
        revision=version.revision or None,
        progress=progress,
        accept_licence=accept_licence,
    )
    record(version, resolved)
    return resolved.folder


def folder_of(version: ModelVersion) -> Path:
    """The folder with the version's files, without any network. Raises `ModelUnavailable`.

    Raises `ModelError` where the files are not the ones the version was registered with.
    """
    resolved = checkpoint.resolve(
        version.location, revision=version.revision or None, local_only=True
    )
    record(version, resolved)
    return resolved.folder


def record(version: ModelVersion, resolved: checkpoint.ResolvedModel) -> None:
    """Keep what was resolved. Raises `ModelError` where the files are others than registered."""
    if version.weights_sha256 and version.weights_sha256 != resolved.weights_sha256:
        raise ModelError(
            f"The weights in {resolved.folder} changed since model version “{version.name}” was "
            "registered; restore the folder, or run `python manage.py setup` to register it again."
        )
    if version.files_sha256 and version.files_sha256 != resolved.files_sha256:
        raise ModelError(
            f"The configuration, tokenizer or preprocessor in {resolved.folder} changed since "
            f"model version “{version.name}” was registered; restore them, or run `python "
            "manage.py setup` to register the folder again."
        )
    is_known = version.weights_sha256 and version.files_sha256
    if is_known and version.revision == (resolved.revision or ""):
        return
    found = ["weights_sha256", "files_sha256", "revision"]
    if not version.weights_sha256 and version.threshold == DEFAULT_THRESHOLD:
        # Registered by its name alone, before anything of it was here.
        version.threshold = checkpoint.threshold(resolved.folder)
        found.append("threshold")
    version.weights_sha256 = resolved.weights_sha256
    version.files_sha256 = resolved.files_sha256
    version.revision = resolved.revision or ""
    version.save(update_fields=found)
