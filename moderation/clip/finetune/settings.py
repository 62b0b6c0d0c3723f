"""What a fine-tuning is told, and what each mode does where it is told nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from moderation.clip.checkpoints import checkpoint
from moderation.clip.errors import ModelError

MODES = ("auto", "calibrate", "adapt", "head", "last", "full")
# Below this many labels any change of weights is as likely to harm as to help (docs/training.md).
MIN_LABELS = 100
# The bundled model has 4 million weights, the smallest published CLIP 150 million.
SMALL = 20_000_000


@dataclass(frozen=True)
class FinetuneSettings:
    """The options of a training; None leaves a number to the mode's recipe.

    `minutes` ends the training of weights early (what was best until then is kept). `prior` is the
    share of mismatches that labels from a CSV are taken to come from, `prevalence` the one that the
    audit has found, if it has. `threshold` and `platt` (a, b), with the share `platt_prior` that
    this curve presumes, are the base's, where they are not those that its folder names. `swaps` is
    the weight of a generated mismatch beside a decided one. `state_seconds` is the time between two
    saved states, at least.
    """

    mode: str = "auto"
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    save_all_checkpoints: bool = False
    minutes: float | None = None
    name: str = ""
    prior: float = 0.05
    prevalence: float | None = None
    threshold: float | None = None
    platt: tuple[float, float] | None = None
    platt_prior: float | None = None
    swaps: float = 0.3
    state_seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ModelError(f"There is no mode {self.mode!r}; use one of {', '.join(MODES)}.")
        for name in ("epochs", "batch_size", "learning_rate", "minutes"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ModelError(f"{name} must be more than zero, not {value}.")


@dataclass(frozen=True)
class Recipe:
    """All numbers of one training loop. `pull` draws the weights back towards the base (L2-SP)."""

    mode: str
    epochs: int
    batch_size: int
    learning_rate: float
    pull: float
    patience: int  # epochs without a better validation loss before it stops
    warmup: float = 0.1  # share of the steps
    scale_rate: float = 0.01  # learning rate of the loss's own scale and bias
    clip: float = 1.0  # largest length of the gradient
    seed: int = 0
    swaps: float = 0.3  # weight of a generated mismatch beside a decided one
    bf16: bool = False


def is_small(model: Path) -> bool:
    """Whether the model in this folder is small enough to train all of it on a CPU."""
    size = sum(path.stat().st_size for path in checkpoint.weight_files(model))
    # As if the file were fp32: a model that is small in fp16 is small in fp32.
    return size // 4 < SMALL


def recipe(settings: FinetuneSettings, *, mode: str, small: bool, bf16: bool) -> Recipe:
    """The guide's numbers for a large model; for a small one those measured on the bundled model.

    `bf16` says whether the processor is fast at it.
    """
    epochs, batch, rate, pull, patience = {
        "head": (30, 64, 1e-3, 1e-3, 5),
        "last": (8, 32, 1e-4, 0.0, 2) if small else (3, 16, 1e-5, 0.0, 2),
        "full": (8, 32, 1e-4, 0.0, 2) if small else (3, 16, 5e-6, 0.0, 2),
    }[mode]
    return Recipe(
        mode=mode,
        epochs=settings.epochs or epochs,
        batch_size=settings.batch_size or batch,
        learning_rate=settings.learning_rate or rate,
        pull=pull,
        patience=patience,
        seed=settings.seed,
        swaps=settings.swaps,
        # A small model gains little, and its larger steps would carry bf16's rounding further.
        bf16=bf16 and not small and mode != "head",
    )
