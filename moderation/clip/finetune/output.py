"""What a training leaves behind: stock model folders, each written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.atomic import whole_folder
from moderation.clip.checkpoints import checkpoint
from moderation.clip.checkpoints.head_maps import FILE_NAME as MAPS_NAME

if TYPE_CHECKING:
    import torch

BEST, FINAL, EPOCH = "best_model", "final_model", "checkpoint_epoch_{}"
UNFINISHED = ".unfinished"  # states and models between two steps; gone when all is done
# What a killed process leaves half-written beside them.
_HALVES = (f".{BEST}-*", f".{FINAL}-*", f".{EPOCH.format('*')}-*")
# Written again; everything else of these kinds is the base's, byte for byte.
_OWN = {"config.json", checkpoint.ABOUT_NAME, MAPS_NAME}
_KINDS = {".json", ".txt", ".model"}


def write_model(
    folder: Path,
    base: Path,
    tensors: Mapping[str, torch.Tensor],
    *,
    maps: Mapping[str, torch.Tensor] | None = None,
    about: Callable[[Path], dict[str, Any]],
) -> None:
    """The base with these tensors in place of its own, as a folder that loads like it.

    Trained tensors are kept in float32, so that what was measured is what is stored. `maps` go to
    head_maps.safetensors. `about` is called with the unfinished folder, whose weights can be
    loaded already, and gives what clipmod.json says. Raises ModelError if the folder exists.
    """
    with whole_folder(folder) as unfinished:
        for path in sorted(base.iterdir()):
            known = path.suffix in _KINDS and not path.name.endswith(".index.json")
            if path.is_file() and known and path.name not in _OWN:
                shutil.copyfile(path, unfinished / path.name)
        _write_weights(unfinished, base, tensors)
        _write_config(unfinished, base, trained=bool(tensors))
        if maps:
            from safetensors.torch import save_file

            tidy = {name: m.detach().float().cpu().contiguous() for name, m in maps.items()}
            save_file(tidy, unfinished / MAPS_NAME)
        found = about(unfinished)
        (unfinished / checkpoint.ABOUT_NAME).write_text(
            json.dumps(found, indent=2) + "\n", encoding="utf-8"
        )
        for path in unfinished.iterdir():
            path.chmod(0o644)  # safetensors keeps its files to their owner


def compose_maps(
    base: Path, maps: Mapping[str, torch.Tensor] | None
) -> dict[str, torch.Tensor] | None:
    """Maps from the vectors of the model that the base's towers come from.

    Where the base was itself made by `head`, its own maps come first: M2 M1.
    """
    path = base / MAPS_NAME
    if not path.is_file():
        return dict(maps) if maps else None
    from safetensors.torch import load_file

    first = load_file(path)
    if not maps:
        return first
    return {name: matrix.float().cpu() @ first[name] for name, matrix in maps.items()}


def clean(output_dir: Path, *, keep_states: bool) -> None:
    """Make the folder, and remove what a killed process left half-written in it; the states too,
    unless its work is resumed."""
    output_dir.mkdir(parents=True, exist_ok=True)
    _remove(output_dir, *_HALVES, *(() if keep_states else (UNFINISHED,)))


def remove(output_dir: Path) -> None:
    """Remove what a training wrote to the folder, and the folder if nothing else is in it."""
    _remove(output_dir, BEST, FINAL, EPOCH.format("*"), UNFINISHED, *_HALVES)
    with suppress(OSError):  # somebody's own files are in it, or it was never made
        output_dir.rmdir()


def _remove(folder: Path, *patterns: str) -> None:
    for pattern in patterns:
        for path in folder.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)


def _write_weights(folder: Path, base: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    files = checkpoint.weight_files(base)
    if not tensors and len(files) == 1:
        shutil.copyfile(files[0], folder / checkpoint.WEIGHTS_NAME)
        return
    from safetensors.torch import load_file, save_file

    stored = {name: tensor for path in files for name, tensor in load_file(path).items()}
    if not set(tensors) <= set(stored):
        # An old file's names are not those of the model in memory: write all of it again.
        stored = dict(checkpoint.load_model(base).state_dict())
    stored |= {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(stored, folder / checkpoint.WEIGHTS_NAME, metadata={"format": "pt"})


def _write_config(folder: Path, base: Path, *, trained: bool) -> None:
    """config.json names the type that a plain `from_pretrained` loads; trained weights need 32."""
    text = (base / "config.json").read_text(encoding="utf-8")
    config = json.loads(text)
    low = [name for name in ("dtype", "torch_dtype") if config.get(name, "float32") != "float32"]
    if trained and low:
        config |= dict.fromkeys(low, "float32")
        text = json.dumps(config, indent=2) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
