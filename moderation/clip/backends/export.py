"""The towers of a model as ONNX files, made once and kept under the hash of what they come from.

They lie in a folder for caches, not beside the weights: a model's folder may be read-only, is
hashed, and is backed up. Each form of a model (fp32, int8) is a folder of its own there, which
appears whole or not at all; of two processes that make the same one, the first wins and the second
takes what is there. Those that nobody has used for longest go, so the folder does not grow for
ever; whoever needs one again makes it again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from moderation.clip import families
from moderation.clip.atomic import filled
from moderation.clip.checkpoints.weights import files_sha256, weights_sha256
from moderation.clip.errors import ModelError
from moderation.clip.families import TOWERS, Family, Tower

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

# Raise it when the files should be made anew: another call, another quantisation.
FORMAT = 2
# fp32 in another order of the sums: a component of a unit vector moves by some 0.0000003.
TOLERANCE = 1e-5
_CONFIG = "config.json"
_KEPT = 8  # folders: four models in both forms
_ABANDONED = 3600.0  # seconds: no export takes that long
_UNUSED = 86400.0
_EXPORT = re.compile(r"(?P<unfinished>\.?)(?P<model>[0-9a-f]{16})-[0-9a-f]{8}-(fp32|int8)(-.*)?")

Arrays = tuple[np.ndarray, ...]


def model_key(weights: str, files: str) -> str:
    """What a model's exports and choices are kept under, by its two hashes."""
    return hashlib.sha256(f"{weights} {files}".encode()).hexdigest()[:16]


def key_of(folder: Path) -> str:
    """The same of a model folder, whose weights are read for it."""
    return model_key(weights_sha256(folder), files_sha256(folder))


@dataclass(frozen=True)
class Exported:
    """Both towers' files, and the model's configuration, its parts as attributes."""

    files: dict[Tower, Path]
    config: Any


def towers(folder: Path, *, exports: Path, precision: str) -> Exported:
    """The towers of a model folder, made in `exports` where they are not there (up to a minute).

    `precision` is fp32 or int8. torch is imported only to make them. Raises `ModelError` where they
    cannot be written, or do not give the vectors that the model gives.
    """
    made_by = f"{FORMAT}-{version('torch')}-{version('transformers')}"
    place = exports / f"{key_of(folder)}-{hashlib.sha256(made_by.encode()).hexdigest()[:8]}"

    def fp32() -> Path:
        found = place.with_name(f"{place.name}-fp32")
        return _made(found, lambda new: _export(folder, new))

    if precision == "int8":
        found = _made(place.with_name(f"{place.name}-int8"), lambda new: _quantise(fp32(), new))
    else:
        found = fp32()
    return Exported(_files(found), _read_config(found))


def _files(folder: Path) -> dict[Tower, Path]:
    return {tower: folder / f"{tower}.onnx" for tower in TOWERS}


def _read_config(folder: Path) -> Any:
    path = folder / _CONFIG
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text, object_hook=lambda said: SimpleNamespace(**said))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{path} is damaged; remove the folder {folder.name}.") from error


def _made(folder: Path, make: Callable[[Path], None]) -> Path:
    try:
        if not folder.is_dir():
            _forget_old(folder.parent)
            with _unless_there(folder), filled(folder) as unfinished:
                make(unfinished)
                for path in unfinished.iterdir():
                    path.chmod(0o644)  # other users of the machine read them too
        with suppress(PermissionError):  # another user's: then it is read only
            os.utime(folder)
    except OSError as error:
        raise ModelError(
            f"The exported model cannot be written to {folder.parent}: "
            f"{error.strerror or error}; set CLIP_EXPORT_DIR to a folder that can be written."
        ) from error
    return folder


@contextmanager
def _unless_there(folder: Path) -> Iterator[None]:
    """Another process may have been first: its files are as good."""
    try:
        yield
    except OSError:
        if not folder.is_dir():
            raise


def _forget_old(exports: Path) -> None:
    """Remove what has been unused for longest, and what a killed export has left.

    Nothing else that lies there, whatever somebody named for a folder; nothing of a model for which
    a backend was chosen; and nothing of today: a process may open its files later.
    """
    if not exports.is_dir():
        return
    found = {one: _EXPORT.fullmatch(one.name) for one in exports.iterdir() if one.is_dir()}
    own = sorted(
        ((one, name) for one, name in found.items() if name),
        key=lambda pair: -pair[0].stat().st_mtime,
    )
    chosen = {path.name.partition("-")[0] for path in exports.glob("*.json")}
    whole = [(one, name["model"]) for one, name in own if not name["unfinished"]]
    unused = [one for one, model in whole[_KEPT - 1 :] if model not in chosen]
    abandoned = [one for one, name in own if name["unfinished"]]
    for folders, seconds in ((unused, _UNUSED), (abandoned, _ABANDONED)):
        for one in folders:
            if time.time() - one.stat().st_mtime > seconds:
                shutil.rmtree(one, ignore_errors=True)


def _export(source: Path, folder: Path) -> None:
    """Write both towers of the model in `source`, each checked against it on inputs of other sizes,
    and its configuration with all that config.json leaves to transformers."""
    import torch

    family = families.of(source)
    model = family.load_model(source)
    said = model.config.to_json_string(use_diff=False)
    (folder / _CONFIG).write_text(said, encoding="utf-8")
    for tower, features, (small, large) in (
        ("image", family.image_features, _pictures(family, source)),
        ("text", family.text_features, _texts(family, model.config)),
    ):
        path = folder / f"{tower}.onnx"
        module = _module(model, features)
        with _in_silence(), torch.inference_mode(), _told(family, tower):
            torch.onnx.export(
                module,
                tuple(map(torch.from_numpy, small)),
                path,
                dynamo=True,
                dynamic_shapes=(_dynamic(small, large),),
                external_data=True,  # two gigabytes is the most that fits into a file of ONNX
                verbose=False,
            )
            expected = module(*map(torch.from_numpy, large)).numpy()
        _check(path, large, expected)


@contextmanager
def _told(family: Family, tower: str) -> Iterator[None]:
    """A tower may do what ONNX has no words for, such as NaFlex with pictures of many shapes."""
    try:
        yield
    except Exception as error:  # the exporter raises what it meets
        raise ModelError(
            f"The {tower} tower of a {family.name} model cannot be exported "
            f"({type(error).__name__}), so only torch runs it; set CLIP_BACKEND to torch."
        ) from error


def _module(model: PreTrainedModel, features: Callable[..., torch.Tensor]) -> torch.nn.Module:
    """One tower as a module, as an export wants it."""
    from torch import nn

    class OneTower(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *inputs: Any) -> Any:
            return features(self.model, *inputs)

    return OneTower().eval()


def _pictures(family: Family, source: Path) -> list[Arrays]:
    """Two and three pictures of noise, as the family hands them to its tower."""
    transform = family.load_transform(source)
    noise = np.random.default_rng(0).integers(0, 256, (5, 90, 120, 3), dtype=np.uint8)
    pictures = [transform(Image.fromarray(one)) for one in noise]
    return [family.image_inputs(several, transform) for several in (pictures[:2], pictures[2:])]


def _texts(family: Family, config: Any) -> list[Arrays]:
    """Token rows of two numbers and lengths, as the family hands them to its tower."""
    most = family.text_length(config)
    rows = ([[3, 5, 6, 4], [3, 7, 4]], [[3, 5, 6, 7, 8, 4], [3, 9, 4], [3, 6, 5, 8, 4]])
    return [family.text_inputs(config, [row[:most] for row in several]) for several in rows]


def _dynamic(small: Arrays, large: Arrays) -> tuple[dict[int, Any], ...]:
    """Which axes may be of any length: those that differ between two calls."""
    from torch.export import Dim

    return tuple(
        {axis: Dim.DYNAMIC for axis in range(one.ndim) if one.shape[axis] != other.shape[axis]}
        for one, other in zip(small, large, strict=True)
    )


def _check(path: Path, inputs: Arrays, expected: np.ndarray) -> None:
    """Raises `ModelError` where the file gives other vectors than the model."""
    found = run(session(path, cores=1), inputs)
    off = float(np.abs(unit(found) - unit(expected)).max())
    if not off <= TOLERANCE:
        raise ModelError(
            f"The exported {path.stem} tower gives other vectors than the model (by {off:.2g}), so "
            "it is not used; set CLIP_BACKEND to torch."
        )


def _quantise(fp32: Path, folder: Path) -> None:
    """Weights of matrix products in int8, a scale for each column; convolutions stay as they are.

    The other factor is rounded at each call by its own range, so no example data are needed.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    shutil.copyfile(fp32 / _CONFIG, folder / _CONFIG)
    for tower, path in _files(fp32).items():
        with _in_silence():
            quantize_dynamic(
                path,
                folder / f"{tower}.onnx",
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                weight_type=QuantType.QInt8,
                use_external_data_format=True,
                extra_options={"MatMulConstBOnly": True},
            )


def session(path: Path, *, cores: int) -> Any:
    """onnxruntime's `InferenceSession` of one file, on so many cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores
    # Threads that wait in a loop would take the cores from the other calls.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(session: Any, inputs: Arrays) -> np.ndarray:
    """The tower's vectors [n, dim], of any length."""
    names = [one.name for one in session.get_inputs()]
    found = session.run(None, dict(zip(names, inputs, strict=True)))[0]
    return np.asarray(found, dtype=np.float32)


def unit(vectors: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Float32 vectors [n, d] of length 1."""
    found = np.asarray(vectors, dtype=np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


@contextmanager
def _in_silence() -> Iterator[None]:
    """Without what exporters and quantisers tell their developers."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [logger.level for logger in loggers]
    root = logging.getLogger()

    def nothing(record: logging.LogRecord) -> bool:
        return False

    root.addFilter(nothing)  # of what is logged straight to it, as onnxruntime does
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeFilter(nothing)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
