"""OpenVINO, on processors that it knows: fp32, and bf16 where the processor multiplies it.

It is an extra: `pip install -r requirements-openvino.txt`. In int8 it would run the quantised files
of onnxruntime, more slowly than fp32 (ViT-B/32: 604 ms against 460), so it is not offered.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.backends import export
from moderation.clip.backends.cores import in_child
from moderation.clip.backends.exported import ExportedTowers
from moderation.clip.errors import ModelError

if TYPE_CHECKING:
    from moderation.clip.families import Tower

_OF_THE_PARENT: list[Any] = []
_HINTS = {"fp32": "f32", "bf16": "bf16"}


class Openvino(ExportedTowers, name="openvino"):
    """Each tower compiled for calls on one core each, and once more for a call on all cores.

    Both have threads of their own, so they are compiled when they are first needed, and again in a
    child process.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        try:
            import openvino
        except ImportError as error:
            raise ModelError(
                "The backend openvino is not installed; run `pip install -r "
                "requirements-openvino.txt`, or set CLIP_BACKEND to auto."
            ) from error
        super().__init__(*args, **options)
        self._core = openvino.Core()
        self._lock = threading.Lock()
        self._models: dict[tuple[Tower, int], Any] = {}
        in_child(self)

    def run(self, tower: Tower, inputs: export.Arrays) -> np.ndarray:
        request = self._compiled(tower).create_infer_request()
        found = request.infer(list(inputs), share_inputs=True)[0]
        return np.array(found, dtype=np.float32)  # the request's own memory is used again

    def _compiled(self, tower: Tower) -> Any:
        cores = self.cores.cores_of_call()
        with self._lock:
            if (tower, cores) not in self._models:
                settings = {
                    "INFERENCE_PRECISION_HINT": _HINTS[self.precision],
                    "INFERENCE_NUM_THREADS": self.cores.cores,
                    "NUM_STREAMS": 1 if cores > 1 else self.cores.cores,
                    # Several processes would pin their threads to the same cores.
                    "ENABLE_CPU_PINNING": False,
                }
                self._models[tower, cores] = self._core.compile_model(
                    self.files[tower], "CPU", settings
                )
            return self._models[tower, cores]

    def forget_parent(self) -> None:
        # Kept, since to take them down would wait for their threads, which are not here.
        _OF_THE_PARENT.append(self._models)
        self._lock, self._models = threading.Lock(), {}
