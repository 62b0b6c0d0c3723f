"""One change of weights: what it starts from, and what it made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moderation.clip.backends.device import Device, choose_device, trains_in_bf16
from moderation.clip.finetune.data import FinetuneData
from moderation.clip.finetune.features import EncoderVectors, Remembered, Vectors
from moderation.clip.finetune.fingerprint import about
from moderation.clip.finetune.settings import FinetuneSettings
from moderation.clip.training.processes import ALONE, Processes
from moderation.clip.training.progress import Report, in_silence
from moderation.clip.training.state import StateFile
from moderation.clip.training.weights import Weights

# Writes the model of an epoch: its number, and the tensors that differ from the base's.
Checkpoint = Callable[[int, Weights], None]


@dataclass(frozen=True)
class Step:
    """A training of the model in `folder` on `data`.

    What the same step saved at `state` is resumed. `tell` gets progress from 0 to 1 and may
    raise to stop. `vectors` may answer for the model's own encoder, where only its projections are
    trained.
    """

    folder: Path
    data: FinetuneData
    settings: FinetuneSettings
    state: Path
    tell: Report = in_silence
    vectors: Vectors | None = None
    processes: Processes = ALONE
    checkpoint: Checkpoint | None = None

    @property
    def device(self) -> Device:
        return choose_device(self.settings.device)

    @property
    def bf16(self) -> bool:
        return trains_in_bf16(self.device, self.settings.precision)

    def remembered(self, tell: Callable[[str, float], None]) -> Remembered:
        """Vectors of the model as it is; `tell` gets what is done, and the share of it."""
        return Remembered(self.vectors or encoder_vectors(self.folder, self.settings), tell=tell)

    def state_file(self, numbers: Any) -> StateFile:
        """The state of this step with these numbers, as JSON can write them."""
        return StateFile(
            self.state,
            about=about(self.folder, self.data, numbers),
            seconds=self.settings.state_seconds,
            writes=self.processes.first,
        )


@dataclass(frozen=True)
class Tuned:
    """New tensors for the model; none where its weights stay as they are.

    `maps` are set where only projections were trained: base vectors to new ones. `last` are the
    tensors (and maps) of the last epoch, before interpolation.
    """

    tensors: Weights = field(default_factory=dict)
    maps: Weights | None = None
    last: Weights = field(default_factory=dict)
    last_maps: Weights | None = None
    reasons: list[str] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)

    @property
    def same_towers(self) -> bool:
        """Whether vectors of the base can be turned into the new model's."""
        return not self.tensors or self.maps is not None


def encoder_vectors(folder: Path, settings: FinetuneSettings) -> EncoderVectors:
    """Vectors of the model in this folder, run as the settings say."""
    return EncoderVectors(folder, device=settings.device, precision=settings.precision)
