"""What a step of a fine-tuning made of a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moderation.clip.training.weights import Weights


@dataclass(frozen=True)
class Tuned:
    """New tensors for the model of `folder`; none where its weights stay as they are.

    `maps` are set where only projections were trained: base vectors to new ones. `last` are the
    tensors (and maps) of the last epoch, before interpolation.
    """

    folder: Path
    tensors: Weights = field(default_factory=dict)
    maps: Weights | None = None
    last: Weights = field(default_factory=dict)
    last_maps: Weights | None = None
    reasons: list[str] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
