"""The file from which a killed training resumes: written whole, and only read by its writer."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from moderation.clip.errors import ModelError
from moderation.clip.training.weights import put

if TYPE_CHECKING:
    import torch

    from moderation.clip.training.task import Run, Task

log = logging.getLogger(__name__)

_FORMAT = 2  # of what is in the file; a state of another one is left alone


class StateFile:
    """Saves and loads where a training stands. `about` names base, data and settings (a hash);
    `seconds` lie between two saved states at least; of several processes one `writes`."""

    def __init__(
        self,
        path: Path,
        *,
        about: str,
        seconds: float,
        writes: bool = True,
        from_scratch: str = "without resuming",
    ) -> None:
        """`from_scratch` names how to start without resuming, for error messages."""
        self.path, self.about, self.seconds = path, about, seconds
        self.writes, self.from_scratch = writes, from_scratch
        self._saved, self._took = time.monotonic(), 0.0

    def load(self, run: Run, task: Task, optimizer: torch.optim.Optimizer) -> None:
        """Bring all three to where they were saved; without a file they stay as they are, as they
        do where it is one of an older version of clipmod.

        Raises ModelError where the file belongs to another training.
        """
        state = self._read(task)
        if state is None:
            return
        if state["about"] != self.about:
            raise ModelError(
                f"{self.path} belongs to a training with other data, settings or base: start "
                f"from scratch {self.from_scratch}, or choose another folder."
            )
        put(_all(task), state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        task.restore(state["task"])
        vars(run).update(state["run"])

    def _read(self, task: Task) -> dict[str, Any] | None:
        old = [*self.path.parent.glob(f"{self.path.name}-*")]  # as adaptations were called once
        if self.path.is_file():
            state = self._loaded(task)
            if state.get("format") == _FORMAT:
                return state
            old = [self.path]
            # The version that wrote it can still resume from it.
            self.path.rename(self.path.with_name(f"{self.path.name}.older"))
        for path in old:
            log.warning(
                "%s is of an older version of clipmod: the training starts from scratch.", path
            )
        return None

    def _loaded(self, task: Task) -> dict[str, Any]:
        import torch

        device = task.trained[0].device
        try:
            return dict(torch.load(self.path, map_location=device, weights_only=True))
        except (OSError, RuntimeError, EOFError, UnpicklingError) as error:
            raise ModelError(
                f"{self.path} is damaged: start from scratch {self.from_scratch}."
            ) from error

    def save_if_due(self, run: Run, task: Task, optimizer: torch.optim.Optimizer) -> None:
        """Save where the last state is older than `seconds`; of a large model less often, so that
        saving takes a twentieth of the time at most. With 0 seconds, always."""
        pause = max(self.seconds, 20 * self._took) if self.seconds else 0.0
        if time.monotonic() - self._saved >= pause:
            self.save(run, task, optimizer)

    def save(self, run: Run, task: Task, optimizer: torch.optim.Optimizer) -> None:
        """Write the state; the previous one stays until the new one is on the disk."""
        import torch

        if not self.writes:
            return
        began = time.monotonic()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".part")
        with fresh.open("wb") as file:
            torch.save(
                {
                    "format": _FORMAT,
                    "about": self.about,
                    "weights": {name: w.detach() for name, w in _all(task).items()},
                    "optimizer": optimizer.state_dict(),
                    "task": task.state(),
                    "run": vars(run),
                },
                file,
            )
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)
        self._saved, self._took = time.monotonic(), time.monotonic() - began


def _all(task: Task) -> dict[str, torch.nn.Parameter]:
    return task.weights | {f"loss.{name}": one for name, one in task.loss_weights.items()}
