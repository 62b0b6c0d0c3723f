"""One change of weights by decided pairs: train, then choose how far to go from the base."""

from __future__ import annotations

from dataclasses import asdict

from moderation.clip.backends.core_count import cpu_cores
from moderation.clip.finetune.decisions.guard import ZeroShot
from moderation.clip.finetune.decisions.head import Head
from moderation.clip.finetune.decisions.interpolate import Interpolation, interpolate
from moderation.clip.finetune.decisions.task import DecisionTask
from moderation.clip.finetune.decisions.towers import Towers
from moderation.clip.finetune.settings import is_small, recipe
from moderation.clip.finetune.step import Step, Tuned
from moderation.clip.training.loop import train
from moderation.clip.training.progress import ProgressHeartbeat, Update, rising
from moderation.clip.training.weights import Weights, copied

# Each ratio costs a head nothing, and towers an encoding of the held-out pairs.
_HEAD_RATIOS = tuple(number / 10 for number in range(11))
_TOWER_RATIOS = (0.0, 0.25, 0.5, 0.75, 1.0)

_MOST_LANES = 4


def tune(step: Step, *, mode: str) -> Tuned:
    """Train in the mode head, last or full."""
    heartbeat = ProgressHeartbeat(rising(step.tell))
    heartbeat.tell(Update("Loading the model", 0.0))
    numbers = recipe(step.settings, mode=mode, small=is_small(step.folder), bf16=step.bf16)
    head = mode == "head"
    task: DecisionTask = (
        Head(step, numbers, heartbeat) if head else Towers(step, numbers, heartbeat)
    )
    base, guard = copied(task.weights), ZeroShot(step.data, task.encode, seed=numbers.seed)
    train(
        task,
        state=step.state_file(asdict(numbers)),
        batch_size=numbers.batch_size,
        steps=numbers.epochs * task.steps,
        minutes=step.settings.minutes,
        lanes=1 if head else _lanes(task.device),
        clip=numbers.clip,
        pull=numbers.pull,
        processes=step.processes,
    )
    last = copied(task.weights)
    found = interpolate(
        task,
        base,
        task.best.weights,
        guard=guard,
        ratios=_HEAD_RATIOS if head else _TOWER_RATIOS,
        tell=lambda done: heartbeat.tell(Update("Choosing how far to go", 0.9 + 0.1 * done)),
    )
    return _outcome(task, last, found, guard, head=head)


def _outcome(
    task: DecisionTask, last: Weights, found: Interpolation, guard: ZeroShot, *, head: bool
) -> Tuned:
    kept = found.ratio > 0
    return Tuned(
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


def _lanes(device: str) -> int:
    """Parts of a batch that run at a time; each holds a gradient of its own."""
    return min(cpu_cores(), _MOST_LANES) if device == "cpu" else 1
