"""The environment variables that choose and run a model, and what holds without them.

clipmod's settings take their defaults from here; `CLIPAnalyzer`, which knows no Django, reads the
variables through this module alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from moderation.clip.errors import ClipError

MODEL = "openai/clip-vit-base-patch32"
BATCH_SIZE = 32
AUTO = "auto"
DEVICES = (AUTO, "cpu", "cuda", "mps")
PRECISIONS = (AUTO, "fp32", "bf16", "fp16", "int8")
# What each backend of clipmod computes in.
COMPUTES = {
    "torch": ("fp32", "bf16", "fp16"),
    "onnx": ("fp32", "int8"),
    "openvino": ("fp32", "bf16"),
}
BACKENDS = (AUTO, *COMPUTES)
EXPORTS = Path("var/exported")
# In a cache's key, beside the precision. It is short, and that of torch is the precision alone, as
# it was before there were others.
_SHORT = {"torch": "", "openvino": "ov-"}


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
    backend: str = AUTO
    exports: Path = EXPORTS


def read() -> Configuration:
    """The environment now. Raises `ClipError` where a number is none."""
    batch_size = _number("CLIP_BATCH_SIZE")
    return Configuration(
        model=_text("CLIP_MODEL_PATH") or _text("CLIP_MODEL_NAME") or MODEL,
        device=_text("CLIP_DEVICE") or AUTO,
        precision=_text("CLIP_PRECISION") or AUTO,
        batch_size=BATCH_SIZE if batch_size is None else int(batch_size),
        threshold=_number("CLIP_SIMILARITY_THRESHOLD"),
        backend=_text("CLIP_BACKEND") or AUTO,
        exports=Path(_text("CLIP_EXPORT_DIR") or EXPORTS),
    )


def arithmetic(backend: str, precision: str) -> str:
    """Who computed a vector, and in which precision, in ten letters: vectors of two are not mixed.

    The precision alone means torch.
    """
    return f"{_SHORT.get(backend, f'{backend}-')}{precision}"


def arithmetics() -> list[str]:
    """All that the backends of clipmod can compute in."""
    return [arithmetic(name, one) for name, several in COMPUTES.items() for one in several]


def check_together(backend: str, precision: str, device: str = AUTO) -> None:
    """Raises `ClipError` where the named backend has no such precision, or no such device."""
    if backend not in (AUTO, "torch") and device not in (AUTO, "cpu"):
        raise ClipError(
            f"The backend {backend} runs on the processor, not on {device}; set CLIP_DEVICE to "
            "cpu, or CLIP_BACKEND to torch."
        )
    if AUTO in (backend, precision) or precision in COMPUTES.get(backend, (precision,)):
        return
    able = [name for name, several in COMPUTES.items() if precision in several]
    raise ClipError(
        f"The backend {backend} computes in {' or '.join(COMPUTES[backend])}, not in {precision}; "
        f"set CLIP_PRECISION to auto or one of these, or CLIP_BACKEND to {' or '.join(able)}."
    )


def _text(name: str) -> str:
    return os.environ.get(name, "")


def _number(name: str) -> float | None:
    text = _text(name).strip()
    try:
        return float(text) if text else None
    except ValueError as error:
        raise ClipError(f"{name} must be a number, but is {text!r}.") from error
