"""Find a model of the Hugging Face hub on this machine, or fetch it: once, at one commit.

The shared cache of `huggingface_hub` is used (`HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE`), so a
model that other tools fetched is not fetched again.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from moderation.clip.checkpoints import hub_files, known
from moderation.clip.checkpoints.hub_convert import converted_folder, to_safetensors
from moderation.clip.errors import ModelError, ModelUnavailable

PINNED = {model.name: model.revision for model in known.KNOWN if model.revision}

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def is_hub_name(name: str) -> bool:
    """Whether this looks like `owner/model`."""
    return _NAME.fullmatch(name) is not None


def keep_quiet() -> None:
    """Let the libraries ask the network for nothing but a download. Call before importing them.

    transformers otherwise starts a thread that asks a service to convert pickles, and
    huggingface_hub adds to each request what it finds on this machine.
    """
    os.environ.setdefault("DISABLE_SAFETENSORS_CONVERSION", "1")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    # The plain download works through mirrors and proxies, and can be resumed.
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")


def fetch(
    name: str,
    *,
    revision: str | None = None,
    local_only: bool = False,
    progress: bool = True,
    accept_licence: bool = False,
) -> tuple[Path, str]:
    """(folder, commit) of a hub model, downloaded where needed. A branch is looked up each time.

    Raises `ModelUnavailable` where the hub cannot be reached and nothing is cached, and
    `LicenceNotAccepted` for what is not here yet and must be accepted.
    """
    keep_quiet()
    revision = revision or PINNED.get(name, "main")
    cached = _cached(name, revision)
    if cached is not None and (local_only or _COMMIT.fullmatch(revision)):
        return cached
    if local_only:
        raise _unavailable(name, "it is not in the cache")
    if cached is None and not accept_licence:
        known.refuse_unaccepted(name)
    try:
        return _fetched(name, revision, progress=progress)
    except ModelUnavailable:
        if cached is not None:
            return cached
        raise


def _unavailable(name: str, reason: str) -> ModelUnavailable:
    from huggingface_hub import constants

    return ModelUnavailable(
        f"The model {name} cannot be had: {reason}. Either connect and run `python manage.py "
        f"download_model {name}` (it is kept in HF_HOME, now {constants.HF_HOME}), or copy a "
        "filled HF_HOME folder here, or set CLIP_MODEL_PATH to a local model folder, or set "
        "CLIP_MODEL_NAME=bundled."
    )


def _cached(name: str, revision: str) -> tuple[Path, str] | None:
    """The complete model on this machine, without any request."""
    repository = hub_files.repository(name)
    commit = revision
    if not _COMMIT.fullmatch(revision):
        reference = repository / "refs" / revision
        if not reference.is_file():
            return None
        commit = reference.read_text(encoding="utf-8").strip()
    if (converted := converted_folder(name, commit)).is_dir():
        return converted, commit
    snapshot = repository / "snapshots" / commit
    if not hub_files.has_small_files(snapshot):
        return None
    if hub_files.has_safetensors(snapshot):
        return snapshot, commit
    without = repository / ".no_exist" / commit / hub_files.SHARDS
    if (snapshot / hub_files.PICKLE).is_file() and (commit in PINNED.values() or without.exists()):
        return to_safetensors(snapshot, name, commit), commit
    return None


def _fetched(name: str, revision: str, *, progress: bool) -> tuple[Path, str]:
    """Download what is missing, and translate what can go wrong on the way."""
    from huggingface_hub import errors
    from huggingface_hub.utils import httpx  # whichever HTTP library the hub's own runs on

    try:
        snapshot, has_safetensors = hub_files.download(name, revision, progress=progress)
    except errors.GatedRepoError as error:
        raise ModelError(
            f"The hub gives {name} only to those who accepted its terms; accept them on the hub "
            "and set HF_TOKEN."
        ) from error
    except (errors.RevisionNotFoundError, errors.RemoteEntryNotFoundError) as error:
        raise ModelError(
            f"The hub's {name} has no CLIP model at revision {revision}; check the name."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"The hub has no model {name}; check the name (for a private one set HF_TOKEN)."
        ) from error
    except errors.OfflineModeIsEnabled as error:
        raise _unavailable(name, "HF_HUB_OFFLINE is set and it is not in the cache") from error
    except (
        errors.LocalEntryNotFoundError,
        errors.FileMetadataError,
        errors.HfHubHTTPError,
        httpx.HTTPError,
    ) as error:
        reason = f"the hub cannot be reached or the download broke off ({type(error).__name__})"
        raise _unavailable(name, reason) from error
    commit = snapshot.name
    if has_safetensors:
        return snapshot, commit
    return to_safetensors(snapshot, name, commit), commit
