"""The environment variables that choose and run a model, and what holds without them.

clipmod's settings take their defaults from here; `CLIPAnalyzer`, which knows no Django, reads the
variables through this module alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from moderation.clip.errors import ClipError

MODEL = "openai/clip-vit-base-patch32"
BATCH_SIZE = 32
AUTO = "auto"
DEVICES = (AUTO, "cpu", "cuda", "mps")
PRECISIONS = (AUTO, "fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Configuration:
    """What an analyzer is made of. `model` is a folder, `bundled` or a hub name.

    `threshold` None: the model's own.
    """

    model: str
    device: str
    precision: str
    batch_size: int
    threshold: float | None


def read() -> Configuration:
    """The environment now. Raises `ClipError` where a number is none."""
    batch_size = _number("CLIP_BATCH_SIZE")
    return Configuration(
        model=_text("CLIP_MODEL_PATH") or _text("CLIP_MODEL_NAME") or MODEL,
        device=_text("CLIP_DEVICE") or AUTO,
        precision=_text("CLIP_PRECISION") or AUTO,
        batch_size=BATCH_SIZE if batch_size is None else int(batch_size),
        threshold=_number("CLIP_SIMILARITY_THRESHOLD"),
    )


def _text(name: str) -> str:
    return os.environ.get(name, "")


def _number(name: str) -> float | None:
    text = _text(name).strip()
    try:
        return float(text) if text else None
    except ValueError as error:
        raise ClipError(f"{name} must be a number, but is {text!r}.") from error
