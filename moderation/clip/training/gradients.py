"""The gradient of a batch, taken in parts: one a core, smaller ones where memory runs out."""

from __future__ import annotations

import gc
import math
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.backends.cores import CorePool
from moderation.clip.backends.device import is_out_of_memory
from moderation.clip.errors import ModelError

if TYPE_CHECKING:
    import torch

    from moderation.clip.training.task import Run, Task


def fill_gradients(
    task: Task, rows: np.ndarray, run: Run, *, of: int, cores: CorePool
) -> torch.Tensor:
    """Fill `.grad` from these rows in parts of `run.micro`, and return their share of the loss.

    `of` is the size of the whole batch. Where memory runs out the batch starts again in parts of
    half the size; the gradient is the same sum. Raises ModelError where they cannot be smaller.
    """
    while True:
        try:
            return _summed(task, rows, run, of=of, cores=cores)
        except (RuntimeError, MemoryError) as error:
            smaller = math.ceil(run.micro / 2)
            if not is_out_of_memory(error):
                raise
            if run.micro == 1 or smaller < task.least_rows:
                raise _too_little(task.least_rows) from error
        run.micro = smaller
        _free()  # out of the handler, which holds the error and with it the tensors


def _summed(task: Task, rows: np.ndarray, run: Run, *, of: int, cores: CorePool) -> torch.Tensor:
    """Each part runs on a core of its own: on a busy processor that is many times faster than one
    step over all cores, which waits for the slowest at every layer. Gradients are summed in the
    order of the parts, and as many are in memory as there are cores."""
    import torch

    parts = task.parts(rows, run.micro)

    def gradient(part: int) -> tuple[torch.Tensor, tuple[torch.Tensor | None, ...]]:
        loss = task.loss(parts[part], run, part) / of
        found = torch.autograd.grad(loss, task.trained, allow_unused=True)
        return loss.detach().cpu().double(), found

    for weight in task.trained:
        weight.grad = torch.zeros_like(weight)
    total = torch.zeros((), dtype=torch.float64)
    for start in range(0, len(parts), cores.cores):
        wave = range(len(parts))[start : start + cores.cores]
        for loss, found in cores.map(gradient, wave):
            total += loss
            for weight, one in zip(task.trained, found, strict=True):
                if one is not None and weight.grad is not None:
                    weight.grad += one
    return total


def _free() -> None:
    """Give back what a failed attempt held; its error must be forgotten by now."""
    import torch

    gc.collect()  # an error's traceback, its frames and their tensors hold one another
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _too_little(rows: int) -> ModelError:
    pairs = "one pair" if rows == 1 else f"{rows} pairs"
    return ModelError(
        f"There is too little memory to train on even {pairs} at a time; free some, or use the "
        "mode head."
    )
