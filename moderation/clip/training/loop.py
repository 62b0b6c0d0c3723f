"""The one training loop: of pretraining, of adaptation, and of the modes head, last and full.

What is trained is a `Task`: parameters, batches, loss, evaluation. Where it stands is a `Run`. What
a task draws at random depends on (seed, step, row) or goes into its state, so a run that was killed
and resumed ends where it would have ended, and several processes end where one does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from moderation.clip.backends.cores import CorePool
from moderation.clip.training.gradients import fill_gradients
from moderation.clip.training.processes import ALONE, Processes
from moderation.clip.training.state import StateFile
from moderation.clip.training.task import Run, Task
from moderation.clip.training.weights import Weights, copied

if TYPE_CHECKING:
    import torch


def train(
    task: Task,
    *,
    state: StateFile,
    batch_size: int,
    steps: int | None = None,
    minutes: float | None = None,
    lanes: int = 1,
    clip: float = 1.0,
    pull: float = 0.0,
    processes: Processes = ALONE,
) -> Run:
    """Train for `steps` updates or `minutes`, whichever ends first, on from where `state` stands.

    `lanes` cores take a part of each batch, `clip` is the largest length of the gradient, and
    `pull` draws the weights towards where they began (L2-SP). Raises what the task raises to stop,
    and ModelError where even its smallest part of a batch does not fit into memory.
    """
    import torch

    optimizer, cores = task.optimizer(), CorePool(lanes)
    began = copied(task.weights) if pull else {}
    rates = [(group["lr"], group.get("from", 0.0)) for group in optimizer.param_groups]
    run = Run(micro=math.ceil(batch_size / (lanes * processes.count)))
    state.load(run, task, optimizer)
    started = time.monotonic() - run.seconds
    while True:
        run.done = _share_done(run, steps, minutes, processes)
        if task.due(run):
            task.evaluate(run, processes)
            state.save(run, task, optimizer)
        if run.ended or run.done >= 1:
            return run
        _set_rates(optimizer, rates, share=task.rate(run), done=run.done)
        batch = task.batch(run)
        loss = fill_gradients(task, processes.share(batch), run, of=len(batch), cores=cores)
        processes.sum([loss, *(weight.grad for weight in task.trained if weight.grad is not None)])
        _pull(task.weights, began, strength=pull)
        torch.nn.utils.clip_grad_norm_(task.weights.values(), clip)
        optimizer.step()
        run.step, run.seconds = run.step + 1, time.monotonic() - started
        run.done = _share_done(run, steps, minutes, processes)
        task.stepped(run, float(loss))
        state.save_if_due(run, task, optimizer)
        task.tell(run, float(loss))


def _set_rates(
    optimizer: torch.optim.Optimizer,
    rates: Sequence[tuple[float, float]],
    *,
    share: float,
    done: float,
) -> None:
    """For each group its highest rate, and the share of the run before which it stays as it is.

    They are this run's: a state that is resumed has those of the run before in its groups.
    """
    for group, (highest, begins) in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = highest * share if done >= begins else 0.0


def warm_cosine(done: float, *, warmup: float, floor: float, least: float = 0.0) -> float:
    """Share of the highest rate at a share of the run: it rises from `least` until `warmup`, then
    falls along half a cosine down to `floor`."""
    if done < warmup:
        return max(done / warmup, least)
    fall = (min(done, 1.0) - warmup) / (1 - warmup)
    return floor + (1 - floor) * (1 + math.cos(math.pi * fall)) / 2


def _share_done(run: Run, steps: int | None, minutes: float | None, processes: Processes) -> float:
    """0 to 1, of the steps or of the minutes; the first process's clock counts for all."""
    by_steps = run.step / steps if steps is not None else 0.0
    if minutes is None:
        return by_steps
    return max(by_steps, processes.from_first(run.seconds) / 60 / minutes)


def _pull(weights: Mapping[str, torch.nn.Parameter], began: Weights, *, strength: float) -> None:
    """Add the gradient of strength / 2 * |w - w at the beginning|^2 (L2-SP, Li et al. 2018)."""
    if not strength:
        return
    for name, weight in weights.items():
        if weight.grad is not None:
            weight.grad.add_(weight.detach() - began[name], alpha=strength)
