"""onnxruntime, on the processor: fp32, and int8 where matrix products are most of the work."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.backends import export
from moderation.clip.backends.cores import in_child
from moderation.clip.backends.exported import ExportedTowers

if TYPE_CHECKING:
    from moderation.clip.families import Tower


_OF_THE_PARENT: list[Any] = []


class Onnx(ExportedTowers, name="onnx"):
    """A session of each tower for all calls on one core, and one for a small call on all cores.

    The second one has threads of its own and the weights once more, so it is made when it is first
    needed, and again in a child process, where those threads are not.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lock = threading.Lock()
        self._narrow = {tower: export.session(path, cores=1) for tower, path in self.files.items()}
        self._wide: dict[tuple[Tower, int], Any] = {}
        in_child(self)

    def run(self, tower: Tower, inputs: export.Arrays) -> np.ndarray:
        return export.run(self._session(tower), inputs)

    def _session(self, tower: Tower) -> Any:
        cores = self.cores.cores_of_call()
        if cores == 1:
            return self._narrow[tower]
        with self._lock:
            if (tower, cores) not in self._wide:
                self._wide[tower, cores] = export.session(self.files[tower], cores=cores)
            return self._wide[tower, cores]

    def forget_parent(self) -> None:
        # Kept, since to take them down would wait for their threads, which are not here.
        _OF_THE_PARENT.append(self._wide)
        self._lock, self._wide = threading.Lock(), {}
