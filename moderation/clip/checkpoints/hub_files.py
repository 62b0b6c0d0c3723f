"""The files of one hub repository in the shared cache, and how they get there.

Small files come by `huggingface_hub`. Weights come by a resumable download of our own into the
same cache, because the library starts a file from scratch after an interruption.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.errors import ModelError

if TYPE_CHECKING:
    from huggingface_hub.file_download import HfFileMetadata

NEEDED = ("config.json", "preprocessor_config.json")
TOKENIZER = ("tokenizer.json", "vocab.json", "merges.txt", "vocab.txt")
OPTIONAL = ("tokenizer_config.json", "special_tokens_map.json")
SMALL = (*NEEDED, *TOKENIZER, *OPTIONAL)
WEIGHTS = "model.safetensors"
SHARDS = "model.safetensors.index.json"
PICKLE = "pytorch_model.bin"

_SHA256 = re.compile(r"[0-9a-f]{64}")


def repository(name: str) -> Path:
    """The model's folder in the shared cache: blobs, refs, snapshots."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{name.replace('/', '--')}"


def has_small_files(folder: Path) -> bool:
    """Whether it has what a model needs beside its weights; its tokenizer in any of three forms."""
    there = {file for file in (*NEEDED, *TOKENIZER) if (folder / file).is_file()}
    tokenizers = ({"tokenizer.json"}, {"vocab.json", "merges.txt"}, {"vocab.txt"})
    return there >= {*NEEDED} and any(there >= files for files in tokenizers)


def has_safetensors(folder: Path) -> bool:
    if (folder / WEIGHTS).is_file():
        return True
    shards = folder / SHARDS
    return shards.is_file() and all((folder / shard).is_file() for shard in _shards(shards))


def _shards(index: Path) -> list[str]:
    try:
        return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{index} is damaged; delete it and download the model again.") from error


def download(name: str, revision: str, *, progress: bool) -> tuple[Path, bool]:
    """Fetch what is missing; (snapshot folder named by its commit, whether it has safetensors).

    `pytorch_model.bin` comes only where this commit has no safetensors. Raises what the library
    raises, and `ModelError` for a repository that holds no CLIP model.
    """
    from huggingface_hub import errors, hf_hub_download

    # Asks once and waits briefly: where there is no network, the library's own retries take
    # half a minute.
    commit = _metadata(name, "config.json", revision).commit_hash or revision
    bars = _bars(False)  # one for the weights is enough
    # Requested by its branch, so that the cache records what the branch points to.
    hf_hub_download(name, "config.json", revision=revision, tqdm_class=bars)
    hf_hub_download(name, "preprocessor_config.json", revision=commit, tqdm_class=bars)
    for file in (*TOKENIZER, *OPTIONAL):
        try:
            hf_hub_download(name, file, revision=commit, tqdm_class=bars)
        except errors.RemoteEntryNotFoundError:
            continue
    folder = repository(name) / "snapshots" / commit
    if not has_small_files(folder):
        raise ModelError(f"The hub's {name} has no tokenizer; it is not a CLIP model.")
    # The weights come last: a snapshot that has them is complete.
    if _download_safetensors(name, commit, progress=progress):
        return folder, True
    _download_large(name, PICKLE, commit, progress=progress)
    return folder, False


def _download_safetensors(name: str, commit: str, *, progress: bool) -> bool:
    """Whether the repository has safetensors, which are here then."""
    from huggingface_hub import errors, hf_hub_download

    try:
        _download_large(name, WEIGHTS, commit, progress=progress)
    except errors.RemoteEntryNotFoundError:
        pass
    else:
        return True
    try:
        index = hf_hub_download(name, SHARDS, revision=commit, tqdm_class=_bars(False))
    except errors.RemoteEntryNotFoundError:
        return False
    for shard in _shards(Path(index)):
        _download_large(name, shard, commit, progress=progress)
    return True


def _metadata(name: str, file: str, revision: str) -> HfFileMetadata:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    return get_hf_file_metadata(hf_hub_url(name, file, revision=revision))


def _download_large(name: str, file: str, commit: str, *, progress: bool) -> None:
    """Fetch a file into the shared cache, resuming where an earlier attempt stopped."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import WeakFileLock

    storage = repository(name)
    if not (storage / "snapshots" / commit / file).is_file():
        metadata = _metadata(name, file, commit)
        if metadata.etag and metadata.size:
            blob = storage / "blobs" / metadata.etag
            blob.parent.mkdir(parents=True, exist_ok=True)
            with WeakFileLock(str(blob) + ".clipmod.lock"):
                if not blob.exists():
                    _fill(blob, name, file, commit, size=metadata.size, progress=progress)
    # Finds the blob in place and links it into the snapshot.
    hf_hub_download(name, file, revision=commit, tqdm_class=_bars(progress))


def _fill(blob: Path, name: str, file: str, commit: str, *, size: int, progress: bool) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    part = blob.with_name(f"{blob.name}.clipmod.incomplete")
    started = part.stat().st_size if part.exists() else 0
    if started > size:
        part.unlink()
        started = 0
    if shutil.disk_usage(blob.parent).free < size - started:
        raise ModelError(
            f"The disk of {blob.parent} has no room for {file} ({size - started:,} bytes are "
            "needed); free some, or set HF_HOME to a larger disk."
        )
    with part.open("ab") as target:
        http_get(
            hf_hub_url(name, file, revision=commit),
            target,
            resume_size=started,
            headers={**build_hf_headers(), "Accept-Encoding": "identity"},
            expected_size=size,
            displayed_filename=file,
            tqdm_class=_bars(progress),
        )
    # Large files are named by the SHA-256 of their content, small ones by a git hash.
    if _SHA256.fullmatch(blob.name) and _sha256(part) != blob.name:
        part.unlink()
        raise ModelError(f"{file} of {name} arrived damaged; run the same command again.")
    part.replace(blob)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _bars(progress: bool) -> Any:
    """tqdm, or one that shows nothing."""
    from tqdm.auto import tqdm

    class Silent(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{**options, "disable": True})

    return None if progress else Silent
