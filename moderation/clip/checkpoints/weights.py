"""A model folder's weights: the safetensors that it consists of, and what they hash to."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from moderation.clip.errors import ModelError, UnsafeWeights

WEIGHTS_NAME = "model.safetensors"
_SHARDS_NAME = "model.safetensors.index.json"
BESIDE_THE_WEIGHTS = (
    *("config.json", "preprocessor_config.json"),
    *("tokenizer.json", "vocab.json", "merges.txt"),
    *("tokenizer_config.json", "special_tokens_map.json"),
)


def weight_files(folder: Path) -> list[Path]:
    """The folder's safetensors in the order of their names. Raises `ModelError`."""
    weights = _weights(folder)
    if not weights:
        if any(folder.glob("*.bin")) or any(folder.glob("*.pt")):
            raise UnsafeWeights(
                f"{folder} has its weights in a pickle file only, which can run code when read; "
                f"save the model as {WEIGHTS_NAME}."
            )
        raise ModelError(f"{folder} has no {WEIGHTS_NAME}; this is not a model folder.")
    for path in weights:
        if not path.is_file():
            raise ModelError(f"{path} is missing; restore the file or download the model again.")
    return weights


def weights_sha256(folder: Path) -> str:
    """SHA-256 (hex) over the folder's safetensors, in the order of their names."""
    digest = hashlib.sha256()
    for path in weight_files(folder):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def files_sha256(folder: Path) -> str:
    """SHA-256 (hex) over what says how the weights are used: configuration, tokenizer, pixels.

    The same weights with another of these files are another model.
    """
    digest = hashlib.sha256()
    names: tuple[str, ...] = BESIDE_THE_WEIGHTS
    if not (folder / "tokenizer.json").is_file() and (folder / "vocab.txt").is_file():
        names = (*names, "vocab.txt")  # only then: other models keep the hash they have
    for name in names:
        path = folder / name
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "none"
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()


def read_number(folder: Path, name: str) -> float:
    """One weight that is a single number, read alone and without torch. Raises `ModelError`."""
    from safetensors import SafetensorError, safe_open

    for path in weight_files(folder):
        try:
            with safe_open(path, framework="numpy") as weights:
                if name in weights.keys():  # noqa: SIM118 - no mapping
                    return float(weights.get_tensor(name).item())
        except (OSError, SafetensorError) as error:
            raise ModelError(f"{path} is damaged; restore the file.") from error
    raise ModelError(f"{folder} has no {name} among its weights; this is no CLIP model.")


def _weights(folder: Path) -> list[Path]:
    if (folder / WEIGHTS_NAME).is_file():
        return [folder / WEIGHTS_NAME]
    if not (folder / _SHARDS_NAME).is_file():
        return []
    try:
        shards = json.loads((folder / _SHARDS_NAME).read_text(encoding="utf-8"))["weight_map"]
        return [folder / name for name in sorted(set(shards.values()))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{folder / _SHARDS_NAME} is damaged; restore the file.") from error
