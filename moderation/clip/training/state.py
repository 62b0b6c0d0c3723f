"""The file from which a killed training goes on: written whole, and only read by who wrote it."""

from __future__ import annotations

import os
import time
from dataclasses import fields
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING

from moderation.clip.errors import ModelError

if TYPE_CHECKING:
    import torch

    from moderation.clip.training.loop import Learner, Run


class StateFile:
    """Saves and loads where a training stands. `about` names base, data and settings (a hash)."""

    def __init__(self, path: Path, *, about: str, seconds: float, writes: bool = True) -> None:
        self.path, self.about, self.seconds = path, about, seconds
        self.writes = writes  # of several processes one
        self._saved, self._took = time.monotonic(), 0.0

    def load(self, run: Run, learner: Learner, optimizer: torch.optim.Optimizer) -> None:
        """Bring all three to where they were saved; without a file they stay as they are.

        Raises ModelError where the file belongs to another training.
        """
        import torch

        if not self.path.is_file():
            return
        problem = (
            f"{self.path} belongs to a training with other data, settings or base: start afresh "
            "without resuming, or choose another folder."
        )
        try:
            state = torch.load(self.path, map_location=learner.scale.device, weights_only=True)
        except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
            raise ModelError(f"{self.path} is damaged: start afresh without resuming.") from error
        if state.get("about") != self.about:
            raise ModelError(problem)
        with torch.no_grad():
            for name, weight in _all(learner).items():
                weight.copy_(state["weights"][name])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["rng"].cpu())
        for one in fields(run):
            setattr(run, one.name, state["run"][one.name])

    def save_if_due(self, run: Run, learner: Learner, optimizer: torch.optim.Optimizer) -> None:
        """Save where the last state is older than `seconds`; of a large model less often, so that
        saving takes a twentieth of the time at most."""
        if time.monotonic() - self._saved >= max(self.seconds, 20 * self._took):
            self.save(run, learner, optimizer)

    def save(self, run: Run, learner: Learner, optimizer: torch.optim.Optimizer) -> None:
        """Write the state; the former one stands until the new one is on the disk."""
        import torch

        if not self.writes:
            return
        began = time.monotonic()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".part")
        with fresh.open("wb") as file:
            torch.save(
                {
                    "about": self.about,
                    "weights": {name: w.detach() for name, w in _all(learner).items()},
                    "optimizer": optimizer.state_dict(),
                    "rng": torch.get_rng_state(),
                    "run": {one.name: getattr(run, one.name) for one in fields(run)},
                },
                file,
            )
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        self._saved, self._took = time.monotonic(), time.monotonic() - began


def _all(learner: Learner) -> dict[str, torch.nn.Parameter]:
    return {**learner.weights, "loss.scale": learner.scale, "loss.bias": learner.bias}
