"""Which backend runs a model on this machine: what was decided, and why, in a small file.

The file lies beside the exported towers, under the model's and the machine's names, so all
processes of a machine that share the folder read the same. Another processor, another number of
cores or another version of a package is another machine, for which nothing was decided.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from moderation.clip.backends import machine
from moderation.clip.backends.export import key_of
from moderation.clip.configuration import AUTO, arithmetic
from moderation.clip.errors import ModelError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tried:
    """One candidate: processor time for a picture and a text, and what became of it.

    `times` as fast as torch in fp32, over a picture with its text. `flips` of the compared pairs
    got another verdict than in fp32; None where that was not asked.
    """

    backend: str
    precision: str
    picture_ms: float | None
    text_ms: float | None
    times: float | None
    flips: int | None
    decision: str


@dataclass(frozen=True)
class Choice:
    """What was chosen for a model on this machine, out of what, by which pairs."""

    backend: str
    precision: str
    pairs: int
    of_the_shop: bool
    made_at: str
    machine: str
    tried: tuple[Tried, ...]

    @property
    def arithmetic(self) -> str:
        """Under which name vectors are cached."""
        return arithmetic(self.backend, self.precision)


def read(exports: Path, model_key: str) -> Choice | None:
    """What was decided for this model on this machine, or None."""
    path = _path(exports, model_key)
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Choice(**{**said, "tried": tuple(Tried(**one) for one in said["tried"])})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        logger.warning("%s is not used, since it cannot be read: %s", path, error)
        return None


def of_folder(exports: Path, folder: Path) -> Choice | None:
    """The same of a model folder; its weights are read only where there are any decisions."""
    return read(exports, key_of(folder)) if exports.is_dir() else None


def write(exports: Path, model_key: str, choice: Choice) -> None:
    """Keep a decision: whole, or the old one stays. Raises `ModelError`."""
    path = _path(exports, model_key)
    text = json.dumps(asdict(choice), indent=2, ensure_ascii=False) + "\n"
    try:
        exports.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=exports, prefix=f".{path.name}-", delete=False
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        unfinished = Path(file.name)
        unfinished.chmod(0o644)  # a temporary file is private
        unfinished.rename(path)
    except OSError as error:
        raise ModelError(
            f"The choice of a backend cannot be written to {exports}: {error.strerror or error}; "
            "set CLIP_EXPORT_DIR to a folder that can be written."
        ) from error


def forget(exports: Path, model_key: str) -> bool:
    """Take a decision back; False where there was none."""
    try:
        _path(exports, model_key).unlink()
    except FileNotFoundError:
        return False
    return True


def resolved(
    stored: Choice | None, *, device: str, backend: str, precision: str
) -> tuple[str, str]:
    """The backend and the precision to load a model by, as they are set and decided.

    What is set comes first. A decision is one for the processor; without one torch runs the model,
    and onnxruntime where int8 is set, which torch does not run.
    """
    if backend != AUTO:
        return backend, precision
    if stored and device in (AUTO, "cpu") and precision in (AUTO, stored.precision):
        return stored.backend, stored.precision
    return ("onnx" if precision == "int8" else "torch"), precision


def _path(exports: Path, model_key: str) -> Path:
    return exports / f"{model_key}-{machine.key()}.json"


def table(choice: Choice) -> list[dict[str, Any]]:
    """The candidates as rows for people, the fastest first."""
    rows = sorted(choice.tried, key=lambda one: -(one.times or 0))
    return [
        {
            **asdict(one),
            "chosen": (one.backend, one.precision) == (choice.backend, choice.precision),
        }
        for one in rows
    ]
