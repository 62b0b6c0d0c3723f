"""What the modes head, last and full share: decided pairs, their loss, and when to stop."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.finetune.data import LabelledPairs
from moderation.clip.finetune.decisions.swaps import Swaps
from moderation.clip.finetune.losses import balanced, first_scale, held_out_losses
from moderation.clip.finetune.settings import Recipe
from moderation.clip.finetune.step import Step
from moderation.clip.training.loop import warm_cosine
from moderation.clip.training.losses import pair_losses
from moderation.clip.training.processes import Processes
from moderation.clip.training.progress import Report, Update
from moderation.clip.training.task import Run, Task
from moderation.clip.training.weights import Weights, copied, put

if TYPE_CHECKING:
    import torch


@dataclass
class Best:
    """The weights with the least validation loss so far, and where the training stood."""

    loss: float = math.inf
    epoch: int = 0  # 0 is the base
    weights: Weights = field(default_factory=dict)
    epochs: int = 0  # that were validated
    step: int = -1  # of the last validation; -1 before that of the base
    train_loss: float = 0.0  # sum over the steps since then


class DecisionTask(Task, ABC):
    """Weights to be trained on decided pairs: P(match) = sigmoid(exp(scale) * cosine + bias).

    The loss of a batch is a sum over its rows, so it may be taken in parts of any size. After each
    epoch the held-out pairs tell whether the weights got better.
    """

    def __init__(self, step: Step, recipe: Recipe, *, device: str, report: Report) -> None:
        """`report` gets progress from 0 to 1, and may raise to stop."""
        import torch

        self.pairs, self.validation = step.data.train, step.data.validation
        self.recipe, self.device, self.report = recipe, device, report
        self.checkpoint = step.checkpoint
        self.swaps = Swaps(self.pairs)
        self.row_weights = torch.tensor(
            balanced(self.pairs.labels, self.pairs.weights), dtype=torch.float32, device=device
        )  # [n]
        self.labels = torch.tensor(self.pairs.labels, dtype=torch.float32, device=device)  # [n]
        self.steps = math.ceil(len(self.pairs) / recipe.batch_size)  # of an epoch
        self._epochs = recipe.epochs
        self.best = Best()

    def start_scale(self) -> None:
        """Fit the loss's scale and bias to the model as it is, before anything moves."""
        import torch

        scale, bias = first_scale(self.cosines(self.pairs), self.pairs.labels)
        self.loss_weights = {
            name: torch.nn.Parameter(torch.tensor(value, device=self.device))
            for name, value in (("scale", math.log(scale)), ("bias", bias))
        }

    @abstractmethod
    def encode(self, images: Sequence[Path], texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Unit vectors [n, d] and [m, d] with the weights as they are."""

    @abstractmethod
    def towers(
        self, rows: np.ndarray, *, epoch: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Unit vectors for the loss: images [b, d], their texts [b, d], made mismatches [s, d],
        and whose they are: positions [s] in 0..b-1."""

    @abstractmethod
    def tensors(self, weights: Mapping[str, torch.Tensor]) -> Weights:
        """The model's tensors that these trained weights make, by their names in the file."""

    # ── Steps ─────────────────────────────────────────────────────────────────────────────────
    def optimizer(self) -> torch.optim.Optimizer:
        import torch

        # No weight decay: the pull, the interpolation and early stopping keep the weights near.
        return torch.optim.AdamW(
            [
                {"params": [*self.weights.values()], "lr": self.recipe.learning_rate},
                {"params": [*self.loss_weights.values()], "lr": self.recipe.scale_rate},
            ],
            betas=(0.9, 0.98),
            # Some gradients are zero except for rounding; a larger epsilon does not blow those up.
            eps=1e-6,
            weight_decay=0.0,
        )

    def rate(self, run: Run) -> float:
        share = (run.step + 1) / (self._epochs * self.steps)
        return warm_cosine(share, warmup=self.recipe.warmup, floor=0.05)

    def batch(self, run: Run) -> np.ndarray:
        epoch, step = divmod(run.step, self.steps)
        order = np.random.default_rng([self.recipe.seed, epoch]).permutation(len(self.pairs))
        return order[step * self.recipe.batch_size :][: self.recipe.batch_size]

    def loss(self, rows: np.ndarray, run: Run, part: int) -> torch.Tensor:
        """The weighted loss summed over `rows` [b] of the training pairs, made mismatches in."""
        import torch

        image, text, made, owner = self.towers(rows, epoch=run.step // self.steps)
        place = torch.from_numpy(rows).to(self.device)
        weight = self.row_weights[place]
        total = (weight * self._pair_losses(image, text, self.labels[place])).sum()
        if len(owner):
            wrong = self._pair_losses(image[owner], made, torch.zeros_like(weight[owner]))
            share = torch.bincount(owner, minlength=len(rows))[owner]  # of how many made ones
            total = total + self.recipe.swaps * (weight[owner] * wrong / share).sum()
        return total

    def _pair_losses(
        self, image: torch.Tensor, text: torch.Tensor, label: torch.Tensor
    ) -> torch.Tensor:
        scale, bias = self.loss_weights["scale"].exp(), self.loss_weights["bias"]
        return pair_losses((image * text).sum(dim=1), label, scale=scale, bias=bias)

    def stepped(self, run: Run, loss: float) -> None:
        self.best.train_loss += loss

    def tell(self, run: Run, loss: float) -> None:
        self._tell(run, f"Training, epoch {(run.step - 1) // self.steps + 1} of {self._epochs}")

    def _tell(self, run: Run, doing: str, **more: Any) -> None:
        self.report(Update(doing, run.step / (self._epochs * self.steps), **more))

    # ── Evaluation ────────────────────────────────────────────────────────────────────────────
    def due(self, run: Run) -> bool:
        """Before the first step, after each epoch, and where the minutes are over."""
        return run.step > self.best.step and (run.step % self.steps == 0 or run.done >= 1)

    def evaluate(self, run: Run, processes: Processes) -> None:
        """Validate, keep the best weights, and end where nothing has got better for some epochs."""
        best, epoch = self.best, math.ceil(run.step / self.steps)
        if run.step:
            self._tell(run, f"Validating epoch {epoch} of {self._epochs}")
        loss = processes.from_first(float(self.validation_losses().mean()))
        if run.step == 0 or loss < best.loss:
            best.loss, best.epoch, best.weights = loss, epoch, copied(self.weights)
        run.ended = epoch - best.epoch >= self.recipe.patience
        self._tell_validated(run, epoch, loss)
        best.epochs, best.step, best.train_loss = epoch, run.step, 0.0
        if epoch and self.checkpoint is not None:
            self.checkpoint(epoch, self.tensors(self.weights))

    def _tell_validated(self, run: Run, epoch: int, loss: float) -> None:
        point = {"step": run.step, "validation": round(loss, 6)}
        if not run.step:
            self._tell(run, f"Training, epoch 1 of {self._epochs}", point=point)
            return
        mean = self.best.train_loss / max(run.step - self.best.step, 1)
        self._tell(
            run,
            f"Epoch {epoch} of {self._epochs} done",
            point=point | {"train": round(mean, 6)},
            line=f"epoch {epoch}: train {mean:.4f}, validation {loss:.4f}",
        )

    def cosines(self, pairs: LabelledPairs) -> np.ndarray:
        """Cosine of each pair [m], float64, with the weights as they are."""
        image, text = self.encode(pairs.images, pairs.texts)
        return (image.astype(np.float64) * text).sum(axis=1)

    def validation_losses(self) -> np.ndarray:
        """Loss of each held-out pair [m] with the weights as they are."""
        part = self.validation
        return held_out_losses(self.cosines(part), part.labels, part.weights)

    # ── Weights and state ─────────────────────────────────────────────────────────────────────
    def put(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Set the trained weights."""
        put(self.weights, weights)

    def state(self) -> dict[str, Any]:
        return vars(self.best)

    def restore(self, state: dict[str, Any]) -> None:
        self.best = Best(**state)
