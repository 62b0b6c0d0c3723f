"""What the adaptation on cached vectors gives the training loop: two matrices and their loss."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.data.negatives import colour_bits, colours_agree, kind_name
from moderation.clip.finetune.data import Listings
from moderation.clip.finetune.features import Vectors
from moderation.clip.finetune.losses import balanced
from moderation.clip.finetune.maps import IMAGE_MAP, TEXT_MAP, identity
from moderation.clip.finetune.step import Step
from moderation.clip.training.losses import contrastive_loss, pair_losses
from moderation.clip.training.model_parts import unit
from moderation.clip.training.progress import Report, Update
from moderation.clip.training.task import Run, Task

if TYPE_CHECKING:
    import torch

_BATCH, _EPOCHS, _RATE, _BIAS_RATE, _PULL = 256, 10, 5e-4, 1e-2, 3.0
_SCALE = 30.0  # of cosines in both losses; CLIP's own 100 lets single wrong listings shout


class MapsTask(Task):
    """Two matrices, from the identity on, and the bias of decided pairs' loss.

    `learnt` are the positions [k] of the listings to learn from. The contrastive loss wants a batch
    whole.
    """

    def __init__(
        self, step: Step, listings: Listings, learnt: np.ndarray, *, source: Vectors, report: Report
    ) -> None:
        """`report` gets progress from 0 to 1, and may raise to stop."""
        import torch

        decided, wishes = step.data.train, step.settings
        self.learnt, self.report, self.seed = learnt, report, wishes.seed
        self.epochs = wishes.epochs or _EPOCHS
        self.batch_size = self.least_rows = wishes.batch_size or _BATCH
        self.learning_rate = wishes.learning_rate or _RATE
        self.image, self.text = _tensors(source, listings.images, listings.texts)  # [n, d]
        self.decided = _tensors(source, decided.images, decided.texts)  # [m, d]
        self.labels = torch.tensor(decided.labels, dtype=torch.float32)  # [m]
        weights = balanced(decided.labels, decided.weights)
        self.row_weights = torch.tensor(weights, dtype=torch.float32)  # [m]
        self.kinds = _numbered(listings)
        self.bits = np.array([colour_bits(one) for one in listings.texts], dtype=np.int64)
        size = self.image.shape[1]
        self.weights = {name: torch.nn.Parameter(one) for name, one in identity(size).items()}
        self.scores = (self.image.numpy() * self.text.numpy()).sum(axis=1)  # [n]
        bias = -_SCALE * float(self.scores.mean()) * 0.9
        self.loss_weights = {"bias": torch.nn.Parameter(torch.tensor(bias))}

    def leave_out(self, share: float) -> None:
        """Learn from fewer listings: less the share that scores lowest."""
        order = np.argsort(self.scores[self.learnt], kind="stable")
        self.learnt = self.learnt[order[int(share * len(order)) :]]

    @property
    def steps(self) -> int:
        """Of an epoch; the rest of its listings is left over."""
        return len(self.learnt) // self.batch_size or 1

    def optimizer(self) -> torch.optim.Optimizer:
        import torch

        groups = [
            {"params": [*self.weights.values()], "lr": self.learning_rate},
            {"params": [*self.loss_weights.values()], "lr": _BIAS_RATE},
        ]
        return torch.optim.Adam(groups)

    def batch(self, run: Run) -> np.ndarray:
        epoch, step = divmod(run.step, self.steps)
        order = np.random.default_rng([self.seed, epoch]).permutation(self.learnt)
        return order[step * self.batch_size :][: self.batch_size]

    def loss(self, rows: np.ndarray, run: Run, part: int) -> torch.Tensor:
        import torch

        scale = torch.tensor(_SCALE)
        maybe = torch.from_numpy(_maybe_true(self.kinds[rows], self.bits[rows]))
        image, text = self._turned(self.image[rows], self.text[rows])  # [b, d]
        loss = contrastive_loss(image, text, scale=scale, ignored=maybe)
        if len(self.labels):
            image, text = self._turned(*self.decided)  # [m, d]
            cosine, bias = (image * text).sum(dim=1), self.loss_weights["bias"]
            each = pair_losses(cosine, self.labels, scale=scale, bias=bias)  # [m]
            loss = loss + (self.row_weights * each).mean()
        size = self.image.shape[1]
        away = sum(((one - torch.eye(size)) ** 2).sum() for one in self.weights.values())
        return len(rows) * (loss + _PULL / size * away)

    def _turned(self, image: torch.Tensor, text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Unit vectors [m, d] after the matrices."""
        return unit(image @ self.weights[IMAGE_MAP].T), unit(text @ self.weights[TEXT_MAP].T)

    def tell(self, run: Run, loss: float) -> None:
        if run.step % self.steps == 0:
            doing = f"Adapting the projections, epoch {run.step // self.steps} of {self.epochs}"
            self.report(Update(doing, run.done, point={"step": run.step, "train": loss}))


def _tensors(
    source: Vectors, images: Sequence[Path], texts: Sequence[str]
) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    return torch.from_numpy(source.images(images)), torch.from_numpy(source.texts(texts))


def _numbered(listings: Listings) -> np.ndarray:
    """The kind of each listing as a number [n]."""
    names = list(map(kind_name, listings.categories, listings.texts))
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([place[name] for name in names])


def _maybe_true(kinds: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """[b, b] bool: another listing of the kind whose text names no other colour."""
    maybe = (kinds[:, None] == kinds[None]) & colours_agree(bits, bits)
    np.fill_diagonal(maybe, False)
    return np.asarray(maybe)
