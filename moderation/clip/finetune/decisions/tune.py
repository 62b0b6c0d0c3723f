"""One change of weights by decided pairs: train, then choose how far to go from the base."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from moderation.clip.backends.device import choose_device, cpu_cores, trains_in_bf16
from moderation.clip.finetune.data import FinetuneData
from moderation.clip.finetune.decisions.guard import ZeroShot
from moderation.clip.finetune.decisions.head import Head
from moderation.clip.finetune.decisions.interpolate import Interpolation, interpolate
from moderation.clip.finetune.decisions.task import Checkpoint, DecisionTask
from moderation.clip.finetune.decisions.towers import Towers
from moderation.clip.finetune.features import EncoderVectors, Remembered, Vectors
from moderation.clip.finetune.fingerprint import about
from moderation.clip.finetune.maps import base_projections
from moderation.clip.finetune.settings import FinetuneSettings, Recipe, is_small, recipe
from moderation.clip.finetune.tuned import Tuned
from moderation.clip.training.loop import train
from moderation.clip.training.processes import Processes
from moderation.clip.training.progress import Report, SignsOfLife, Update, part, rising
from moderation.clip.training.state import StateFile
from moderation.clip.training.weights import Weights, copied

# Each ratio costs a head nothing, and towers an encoding of the held-out pairs.
_HEAD_RATIOS = tuple(number / 10 for number in range(11))
_TOWER_RATIOS = (0.0, 0.25, 0.5, 0.75, 1.0)

_MOST_LANES = 4


def tune(
    folder: Path,
    data: FinetuneData,
    *,
    mode: str,
    settings: FinetuneSettings,
    state: Path,
    processes: Processes,
    tell: Report,
    vectors: Vectors | None = None,
    checkpoint_epoch: Checkpoint | None = None,
) -> Tuned:
    """Train in the mode head, last or full, from the model in `folder` on.

    `vectors` may answer for the model's own encoder in mode head. Where the file `state` is there,
    the training goes on from it. `tell` gets progress from 0 to 1.
    """
    signs = SignsOfLife(rising(tell))
    signs.tell(Update("Loading the model", 0.0))
    numbers = _recipe(folder, mode=mode, settings=settings)
    if mode == "head":
        task: DecisionTask = _head(folder, data, settings, numbers, vectors, signs)
    else:
        task = _towers(folder, data, mode, settings, numbers, signs)
    task.checkpoint = checkpoint_epoch
    base, guard = copied(task.weights), ZeroShot(data, task.encode, seed=settings.seed)
    train(
        task,
        state=StateFile(
            state,
            about=about(folder, data, [mode, asdict(numbers)]),
            seconds=settings.state_seconds,
            writes=processes.first,
        ),
        batch_size=numbers.batch_size,
        steps=numbers.epochs * task.steps,
        minutes=settings.minutes,
        lanes=_lanes(mode, task.device),
        clip=numbers.clip,
        pull=numbers.pull,
        processes=processes,
    )
    last = copied(task.weights)
    found = interpolate(
        task,
        base,
        task.best.weights,
        guard=guard,
        ratios=_HEAD_RATIOS if mode == "head" else _TOWER_RATIOS,
        tell=lambda done: signs.tell(Update("Choosing how far to go", 0.9 + 0.1 * done)),
    )
    return _outcome(folder, task, last, found, guard)


def _head(
    folder: Path,
    data: FinetuneData,
    settings: FinetuneSettings,
    numbers: Recipe,
    vectors: Vectors | None,
    signs: SignsOfLife,
) -> Head:
    source = vectors or EncoderVectors(folder, device=settings.device, precision=settings.precision)
    return Head(
        data,
        Remembered(source, tell=lambda doing, done: signs.tell(Update(doing, 0.2 * done))),
        projections=base_projections(folder),
        recipe=numbers,
        report=part(signs.tell, 0.2, 0.9),
    )


def _towers(
    folder: Path,
    data: FinetuneData,
    mode: str,
    settings: FinetuneSettings,
    numbers: Recipe,
    signs: SignsOfLife,
) -> Towers:
    return Towers(
        folder,
        data,
        mode=mode,
        recipe=numbers,
        device=choose_device(settings.device),
        report=part(signs.tell, 0.2, 0.9),
        alive=signs.again,
    )


def _outcome(
    folder: Path, task: DecisionTask, last: Weights, found: Interpolation, guard: ZeroShot
) -> Tuned:
    kept, head = found.ratio > 0, isinstance(task, Head)
    return Tuned(
        folder,
        tensors=task.tensors(found.weights) if kept else {},
        maps=found.weights if kept and head else None,
        last=task.tensors(last),
        last_maps=last if head else None,
        reasons=[found.reason],
        metrics={
            "epochs": task.best.epochs,
            "best_epoch": task.best.epoch,
            "ratio": found.ratio,
            "validation_loss": {str(ratio): loss for ratio, loss in found.losses.items()},
            "zero_shot": {"what": guard.about, **found.zero_shot},
        },
    )


def _recipe(folder: Path, *, mode: str, settings: FinetuneSettings) -> Recipe:
    bf16 = trains_in_bf16(choose_device(settings.device), settings.precision)
    return recipe(settings, mode=mode, small=is_small(folder), bf16=bf16)


def _lanes(mode: str, device: str) -> int:
    """Parts of a batch that run at a time; each holds a gradient of its own."""
    return min(cpu_cores(), _MOST_LANES) if device == "cpu" and mode != "head" else 1
