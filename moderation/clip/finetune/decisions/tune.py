"""One change of weights by decided pairs: train, then choose how far to go from the base."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.backends.device import Device, choose_device, cpu_cores, trains_in_bf16
from moderation.clip.checkpoints import checkpoint
from moderation.clip.finetune.data import FinetuneData
from moderation.clip.finetune.decisions.guard import ZeroShot
from moderation.clip.finetune.decisions.head import Head
from moderation.clip.finetune.decisions.interpolate import Interpolation, interpolate
from moderation.clip.finetune.decisions.task import Learner
from moderation.clip.finetune.decisions.towers import Towers
from moderation.clip.finetune.features import EncoderVectors, Remembered, Vectors
from moderation.clip.finetune.output import base_tensors
from moderation.clip.finetune.settings import FinetuneSettings, Recipe, recipe
from moderation.clip.training.loop import Run, copied, train
from moderation.clip.training.processes import Processes
from moderation.clip.training.progress import SignsOfLife, Update, rising
from moderation.clip.training.state import StateFile

if TYPE_CHECKING:
    import torch

_PROJECTIONS = ("visual_projection.weight", "text_projection.weight")
# Each ratio costs a head nothing, and towers an encoding of the held-out pairs.
_HEAD_RATIOS = tuple(number / 10 for number in range(11))
_TOWER_RATIOS = (0.0, 0.25, 0.5, 0.75, 1.0)

_MOST_LANES = 4


@dataclass(frozen=True)
class Tuned:
    """New tensors for the model of `folder`; none where its weights stay as they are.

    `maps` are set by mode head: base vectors to new ones. `last` are the tensors (and maps) of the
    last epoch, before interpolation.
    """

    folder: Path
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    maps: dict[str, torch.Tensor] | None = None
    last: dict[str, torch.Tensor] = field(default_factory=dict)
    last_maps: dict[str, torch.Tensor] | None = None
    reasons: list[str] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)


def tune(
    folder: Path,
    data: FinetuneData,
    *,
    mode: str,
    settings: FinetuneSettings,
    state: Path,
    processes: Processes,
    tell: Callable[[Update], None],
    vectors: Vectors | None = None,
    checkpoint_epoch: Callable[[int, dict[str, torch.Tensor]], None] | None = None,
) -> Tuned:
    """Train in the mode head, last or full, from the model in `folder` on.

    `vectors` may answer for the model's own encoder in mode head. Where the file `state` is there,
    the training goes on from it. `tell` gets progress from 0 to 1.
    """
    signs = SignsOfLife(rising(tell))
    signs.tell(Update("Loading the model", 0.0))
    device = choose_device(settings.device)
    numbers = _recipe(folder, mode=mode, settings=settings, device=device)
    learner = _learner(folder, data, mode, settings, device, numbers, vectors, signs)
    base = copied(learner.weights)
    guard = ZeroShot(data, learner.encode, seed=settings.seed)

    def each_epoch(epoch: int) -> None:
        if checkpoint_epoch is not None:
            checkpoint_epoch(epoch, learner.tensors(learner.weights))

    about = _about(folder, data, mode=mode, settings=settings, numbers=numbers)
    file = StateFile(state, about=about, seconds=settings.state_seconds, writes=processes.first)
    run = train(
        learner,
        numbers,
        state=file,
        processes=processes,
        tell=lambda update: signs.tell(_within(update, 0.2, 0.9)),
        lanes=1 if mode == "head" else _lanes(device),
        minutes=settings.minutes,
        each_epoch=each_epoch,
    )
    last = copied(learner.weights)
    ratios = _HEAD_RATIOS if mode == "head" else _TOWER_RATIOS
    found = interpolate(
        learner,
        base,
        run.best,
        guard=guard,
        ratios=ratios,
        tell=lambda done: signs.tell(Update("Choosing how far to go", 0.9 + 0.1 * done)),
    )
    return _outcome(folder, learner, run, last, found, guard, head=mode == "head")


def _outcome(
    folder: Path,
    learner: Learner,
    run: Run,
    last: dict[str, torch.Tensor],
    found: Interpolation,
    guard: ZeroShot,
    *,
    head: bool,
) -> Tuned:
    kept = found.ratio > 0
    return Tuned(
        folder,
        tensors=learner.tensors(found.weights) if kept else {},
        maps=found.weights if kept and head else None,
        last=learner.tensors(last),
        last_maps=last if head else None,
        reasons=[found.reason],
        metrics={
            "epochs": run.epoch,
            "best_epoch": run.best_epoch,
            "ratio": found.ratio,
            "validation_loss": {str(ratio): loss for ratio, loss in found.losses.items()},
            "zero_shot": {"what": guard.about, **found.zero_shot},
        },
    )


def _learner(
    folder: Path,
    data: FinetuneData,
    mode: str,
    settings: FinetuneSettings,
    device: Device,
    numbers: Recipe,
    vectors: Vectors | None,
    signs: SignsOfLife,
) -> Learner:
    if mode != "head":
        return Towers(
            folder, data, mode=mode, seed=settings.seed, swaps=settings.swaps, device=device,
            bf16=numbers.bf16, alive=signs.again,
        )  # fmt: skip
    if vectors is None:
        vectors = EncoderVectors(folder, device=settings.device, precision=settings.precision)
    return Head(
        data,
        Remembered(vectors, tell=lambda doing, done: signs.tell(Update(doing, 0.2 * done))),
        projections=base_tensors(folder, _PROJECTIONS),
        seed=settings.seed,
        swaps=settings.swaps,
    )


def _recipe(folder: Path, *, mode: str, settings: FinetuneSettings, device: Device) -> Recipe:
    size = sum(path.stat().st_size for path in checkpoint.weight_files(folder))
    # Half of fp32 is taken for the file's type: a model that is small in fp16 is small in fp32.
    bf16 = trains_in_bf16(device, settings.precision)
    return recipe(settings, mode=mode, parameters=size // 4, bf16=bf16)


def _lanes(device: Device) -> int:
    """Parts of a batch that run at a time; each holds a gradient of its own."""
    return min(cpu_cores(), _MOST_LANES) if device == "cpu" else 1


def _about(
    folder: Path, data: FinetuneData, *, mode: str, settings: FinetuneSettings, numbers: Recipe
) -> str:
    """A hash of all that decides what comes out, so that no state is taken for another's."""
    digest = hashlib.sha256(checkpoint.weights_sha256(folder).encode())
    digest.update(json.dumps([mode, settings.swaps, asdict(numbers)]).encode())
    for part in (data.train, data.validation):
        names = [path.name for path in part.images]
        digest.update(json.dumps([names, part.texts, part.labels.tolist()]).encode())
        digest.update(part.weights.tobytes())
    return digest.hexdigest()


def _within(update: Update, start: float, end: float) -> Update:
    return replace(update, progress=start + (end - start) * update.progress)
