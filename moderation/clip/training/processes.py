"""One training in several processes, started by `torchrun`: gradients are summed, one writes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Processes:
    """This process's number and how many there are; a single one does nothing special."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def share(self, batch: np.ndarray) -> np.ndarray:
        """This process's rows of a batch; together the processes have each row once."""
        return batch[self.rank :: self.count]

    def sum(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its sum over all processes, in place and alike in all."""
        if self.count == 1:
            return
        import torch.distributed as dist

        for tensor in tensors:
            dist.all_reduce(tensor)

    def from_first(self, value: float) -> float:
        """The first process's number, so that all decide alike."""
        if self.count == 1:
            return value
        import torch
        import torch.distributed as dist

        box = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(box, src=0)
        return float(box)

    def wait(self) -> None:
        """Until all processes are here."""
        self.from_first(0.0)


ALONE = Processes()


@contextmanager
def processes() -> Iterator[Processes]:
    """As `torchrun` set RANK and WORLD_SIZE; a lone process where it did not."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    import torch.distributed as dist

    dist.init_process_group("gloo")
    try:
        yield Processes(int(os.environ["RANK"]), count)
    finally:
        dist.destroy_process_group()
