"""The lanes of a step: each thread's own random generators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


@dataclass
class Lane:
    """What one thread of a step needs for itself."""

    rng: np.random.Generator
    generator: torch.Generator


class Lanes(list[Lane]):
    """As many lanes as a batch ever had parts."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def grow(self, count: int) -> None:
        """At least so many lanes, each with random generators of its own."""
        import torch

        for number in range(len(self), count):
            rng = np.random.default_rng([self.seed, number])
            self.append(Lane(rng, torch.Generator().manual_seed(self.seed + number)))

    def state(self) -> list[Any]:
        """The states of the random generators."""
        return [(lane.rng.bit_generator.state, lane.generator.get_state()) for lane in self]

    def restore(self, state: list[Any]) -> None:
        """Resume from what `state` gave."""
        self.grow(len(state))
        for lane, (numbers, pictures) in zip(self, state, strict=False):
            lane.rng.bit_generator.state = numbers
            lane.generator.set_state(pictures.cpu())
