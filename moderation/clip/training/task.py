"""What differs from one training to another, as the training loop needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.training.processes import Processes

if TYPE_CHECKING:
    import torch


@dataclass
class Run:
    """Where a training stands: all that is needed to resume, besides task and optimiser.

    `micro` are the rows that a core takes at once, fewer after memory ran out; `done` is the share
    of the whole run, 1 at its end; `ended` a task may set where nothing gets better.
    """

    micro: int
    step: int = 0
    done: float = 0.0
    seconds: float = 0.0
    ended: bool = False


class Task:
    """Weights to be trained, and what they are trained on.

    `weights` are the trained ones by name; `loss_weights` (scale and bias of the cosines) belong
    to the loss: they learn along and are neither clipped nor pulled. A part of a batch is never
    made smaller than `least_rows`.
    """

    weights: dict[str, torch.nn.Parameter]
    loss_weights: dict[str, torch.nn.Parameter]
    least_rows = 1

    @property
    def trained(self) -> list[torch.nn.Parameter]:
        """All that gets a gradient, in a fixed order."""
        return [*self.weights.values(), *self.loss_weights.values()]

    def optimizer(self) -> torch.optim.Optimizer:
        """A new optimiser of all trained weights, each group with its highest rate."""
        raise NotImplementedError

    def batch(self, run: Run) -> np.ndarray:
        """The rows of this step [b]."""
        raise NotImplementedError

    def loss(self, rows: np.ndarray, run: Run, part: int) -> torch.Tensor:
        """The loss summed over `rows`, so that the parts of a batch add up; `part` is which of
        them it is. Called on several cores at a time."""
        raise NotImplementedError

    def rate(self, run: Run) -> float:
        """The learning rate of this step as a share of the highest."""
        return 1.0

    def parts(self, rows: np.ndarray, size: int) -> list[np.ndarray]:
        """The rows in parts of at most `size`."""
        return [rows[start : start + size] for start in range(0, len(rows), size)]

    def stepped(self, run: Run, loss: float) -> None:
        """Called after each update, before the state is saved; `loss` is the batch's mean."""

    def tell(self, run: Run, loss: float) -> None:
        """Called after each update, when the state is saved; may raise to stop."""

    def due(self, run: Run) -> bool:
        """Whether to evaluate and to save before the next step: at least at the end."""
        return run.done >= 1

    def evaluate(self, run: Run, processes: Processes) -> None:
        """Measure the weights as they are; may set `run.ended`."""

    def state(self) -> dict[str, Any]:
        """What the task needs to resume besides its weights: numbers, texts, tensors."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from what `state` gave."""
