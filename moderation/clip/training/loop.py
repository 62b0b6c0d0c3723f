"""The training loop of all modes: what it trains is a `Learner`, where it stands is a `Run`.

Everything drawn at random is a function of (seed, epoch, row), so a run that was killed and resumed
ends where it would have ended, and several processes end where one does.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from moderation.clip.backends.cores import CorePool
from moderation.clip.backends.device import is_out_of_memory
from moderation.clip.finetune.settings import Recipe
from moderation.clip.training.memory import free, too_little
from moderation.clip.training.processes import Processes
from moderation.clip.training.progress import Update
from moderation.clip.training.state import StateFile

if TYPE_CHECKING:
    import torch

Weights = dict[str, "torch.Tensor"]


class Learner(Protocol):
    """Weights to be trained, and what they are trained on.

    `weights` are the trained ones by name; `scale` (as a logarithm) and `bias` belong to the loss.
    """

    weights: dict[str, torch.nn.Parameter]
    scale: torch.nn.Parameter
    bias: torch.nn.Parameter

    def __len__(self) -> int:
        """How many rows there are to learn from."""

    def loss(self, rows: np.ndarray, *, epoch: int) -> torch.Tensor:
        """The weighted loss summed over these rows, so that parts of a batch add up."""

    def validation_loss(self) -> float:
        """The mean loss of the held-out pairs with the weights as they are."""


@dataclass
class Run:
    """Where a training stands: all that is needed to go on, besides the optimiser."""

    epoch: int = 0
    step: int = 0  # in this epoch
    micro: int = 0  # rows that a core takes at once; smaller after memory ran out
    train_loss: float = 0.0  # sum over the steps of this epoch
    best_loss: float = math.inf
    best_epoch: int = 0  # 0 is the base
    best: Weights = field(default_factory=dict)
    seconds: float = 0.0
    ended: bool = False


def train(
    learner: Learner,
    recipe: Recipe,
    *,
    state: StateFile,
    processes: Processes,
    tell: Callable[[Update], None],
    lanes: int = 1,
    minutes: float | None = None,
    each_epoch: Callable[[int], None] = lambda epoch: None,
) -> Run:
    """Train to the last epoch, or until validation stops getting better; the best are in `best`.

    `lanes` cores take a part of each batch. `tell` gets an update at every step, its progress from
    0 to 1; `each_epoch` may write a checkpoint. Raises ModelError where even one row does not fit
    into memory.
    """
    import torch

    optimizer, base, cores = _optimizer(learner, recipe), copied(learner.weights), CorePool(lanes)
    micro = math.ceil(recipe.batch_size / (lanes * processes.count))
    run = Run(micro=micro, best=base, best_loss=learner.validation_loss())
    state.load(run, learner, optimizer)
    if not (run.epoch or run.step):
        start = {"step": 0.0, "validation": round(run.best_loss, 6)}
        tell(Update(f"Training, epoch 1 of {recipe.epochs}", 0.0, point=start))
    steps = math.ceil(len(learner) / recipe.batch_size)
    started = time.monotonic() - run.seconds
    trained = [*learner.weights.values(), learner.scale, learner.bias]
    while run.epoch < recipe.epochs and not run.ended:
        order = np.random.default_rng([recipe.seed, run.epoch]).permutation(len(learner))  # [n]
        while run.step < steps:
            batch = order[run.step * recipe.batch_size :][: recipe.batch_size]  # [b]
            share = (run.epoch * steps + run.step + 1) / (recipe.epochs * steps)  # done by then
            _set_rate(optimizer, recipe, done=share)
            loss = _gradients(learner, processes.share(batch), run, of=len(batch), cores=cores)
            processes.sum([loss, *(weight.grad for weight in trained if weight.grad is not None)])
            _pull(learner.weights, base, strength=recipe.pull)
            torch.nn.utils.clip_grad_norm_(learner.weights.values(), recipe.clip)
            optimizer.step()
            run.step += 1
            run.train_loss += float(loss)
            run.seconds = time.monotonic() - started
            tell(Update(f"Training, epoch {run.epoch + 1} of {recipe.epochs}", share))
            state.save_if_due(run, learner, optimizer)
            run.ended = minutes is not None and processes.from_first(run.seconds) > 60 * minutes
            if run.ended:
                break
        _end_epoch(run, learner, recipe, steps=steps, processes=processes, tell=tell)
        each_epoch(run.epoch)
        state.save(run, learner, optimizer)
    return run


def _end_epoch(
    run: Run,
    learner: Learner,
    recipe: Recipe,
    *,
    steps: int,
    processes: Processes,
    tell: Callable[[Update], None],
) -> None:
    """Validate, keep the best weights, and stop where nothing has got better for some epochs."""
    done = run.epoch * steps + run.step
    tell(
        Update(f"Validating epoch {run.epoch + 1} of {recipe.epochs}", done / steps / recipe.epochs)
    )
    held_out = processes.from_first(learner.validation_loss())
    mean = run.train_loss / max(run.step, 1)
    run.epoch, run.step, run.train_loss = run.epoch + 1, 0, 0.0
    if held_out < run.best_loss:
        run.best_loss, run.best_epoch, run.best = held_out, run.epoch, copied(learner.weights)
    run.ended = run.ended or run.epoch - run.best_epoch >= recipe.patience
    tell(
        Update(
            f"Epoch {run.epoch} of {recipe.epochs} done",
            done / (steps * recipe.epochs),
            point={"step": done, "train": round(mean, 6), "validation": round(held_out, 6)},
            line=f"epoch {run.epoch}: train {mean:.4f}, validation {held_out:.4f}",
        )
    )


def _gradients(
    learner: Learner, rows: np.ndarray, run: Run, *, of: int, cores: CorePool
) -> torch.Tensor:
    """Fill `.grad` from these rows in parts of `run.micro`, and return their share of the loss.

    Each part runs on a core of its own: on a busy processor that is many times faster than one
    step over all cores, which waits for the slowest at every layer. Gradients are summed in the
    order of the parts. `of` is the size of the whole batch. Where memory runs out the batch starts
    anew in smaller parts; the gradient is the same sum.
    """
    import torch

    weights = [*learner.weights.values(), learner.scale, learner.bias]

    def gradient(part: np.ndarray) -> tuple[torch.Tensor, tuple[torch.Tensor | None, ...]]:
        loss = learner.loss(part, epoch=run.epoch) / of
        return loss.detach().cpu().double(), torch.autograd.grad(loss, weights, allow_unused=True)

    while True:
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        total = torch.zeros((), dtype=torch.float64)
        try:
            for wave in _waves(rows, run.micro, lanes=cores.cores):
                for loss, found in cores.map(gradient, wave):
                    total += loss
                    for weight, one in zip(weights, found, strict=True):
                        if one is not None and weight.grad is not None:
                            weight.grad += one
            return total
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if run.micro == 1:
                raise too_little("one pair") from error
        run.micro = math.ceil(run.micro / 2)
        free()


def _waves(rows: np.ndarray, size: int, *, lanes: int) -> Iterator[list[np.ndarray]]:
    """The rows in parts of `size`, as many parts at a time as there are lanes."""
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    for start in range(0, len(parts), lanes):
        yield parts[start : start + lanes]


def _pull(weights: dict[str, torch.nn.Parameter], base: Weights, *, strength: float) -> None:
    """Add the gradient of strength / 2 * |w - base|^2 (L2-SP, Li et al. 2018)."""
    if not strength:
        return
    for name, weight in weights.items():
        if weight.grad is not None:
            weight.grad.add_(weight.detach() - base[name], alpha=strength)


def _optimizer(learner: Learner, recipe: Recipe) -> torch.optim.Optimizer:
    import torch

    # No weight decay: the pull, the interpolation and early stopping keep the weights near.
    return torch.optim.AdamW(
        [
            {"params": [*learner.weights.values()], "top": recipe.learning_rate},
            {"params": [learner.scale, learner.bias], "top": recipe.scale_rate},
        ],
        lr=0.0,
        betas=(0.9, 0.98),
        # Some gradients are zero but for rounding; a larger epsilon does not blow those up.
        eps=1e-6,
        weight_decay=0.0,
    )


def _set_rate(optimizer: torch.optim.Optimizer, recipe: Recipe, *, done: float) -> None:
    """Warm up, then half a cosine down to 5%; `done` is the share of all steps, this one in."""
    if done < recipe.warmup:
        share = done / recipe.warmup
    else:
        fall = (done - recipe.warmup) / (1 - recipe.warmup)
        share = 0.05 + 0.95 * (1 + math.cos(math.pi * fall)) / 2
    for group in optimizer.param_groups:
        group["lr"] = group["top"] * share


def copied(weights: dict[str, torch.nn.Parameter]) -> Weights:
    """The values of these weights now, in memory of their own."""
    return {name: weight.detach().clone() for name, weight in weights.items()}
