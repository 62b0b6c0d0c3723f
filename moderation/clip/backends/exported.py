"""What the backends that run exported towers have in common.

Where the files are there, a model is ready without torch and transformers, whose imports alone take
seconds and some 400 MB.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip import families
from moderation.clip.backends import export
from moderation.clip.backends.backend import Backend
from moderation.clip.backends.device import is_out_of_memory
from moderation.clip.configuration import AUTO
from moderation.clip.errors import ModelError
from moderation.clip.pictures.preprocess import ImageTransform

if TYPE_CHECKING:
    from moderation.clip.families import Tower


class ExportedTowers(Backend):
    """The towers as ONNX files, run on the processor; a subclass says by whom."""

    def __init__(
        self,
        folder: Path,
        transform: ImageTransform,
        *,
        device: str,
        precision: str,
        exports: Path,
    ) -> None:
        if (device or AUTO).lower() not in (AUTO, "cpu"):
            raise ModelError(
                f"The backend {self.name} runs on the processor; set CLIP_DEVICE to cpu, or "
                "CLIP_BACKEND to torch."
            )
        family, precision = families.of(folder), self.choose_precision(precision)
        found = export.towers(folder, exports=exports, precision=precision)
        self.files = found.files
        super().__init__(
            family,
            transform,
            config=found.config,
            logit_scale=family.read_logit_scale(folder),
            device="cpu",
            precision=precision,
        )

    @classmethod
    def of_folder(
        cls, folder: Path, transform: ImageTransform, *, device: str, precision: str, exports: Path
    ) -> ExportedTowers:
        return cls(folder, transform, device=device, precision=precision, exports=exports)

    @abstractmethod
    def run(self, tower: Tower, inputs: export.Arrays) -> np.ndarray:
        """A tower's arrays to vectors float32 [n, dim], of any length."""

    def images(self, pictures: list[np.ndarray]) -> np.ndarray:
        def vectors(pictures: list[np.ndarray]) -> np.ndarray:
            return self.run("image", self.family.image_inputs(pictures, self.transform))

        return self._unit(vectors, pictures)

    def texts(self, rows: list[list[int]]) -> np.ndarray:
        def vectors(rows: list[list[int]]) -> np.ndarray:
            return self.run("text", self.family.text_inputs(self.config, rows))

        return self._unit(vectors, rows)

    def _unit(self, vectors: Callable[[list[Any]], np.ndarray], batch: list[Any]) -> np.ndarray:
        """In int8 each item alone: its range rounds it, and must not be that of its neighbours."""
        parts = [[item] for item in batch] if self.precision == "int8" else [batch]
        try:
            return export.unit(np.concatenate([vectors(part) for part in parts]))
        except Exception as error:  # those of onnxruntime have no base of their own
            if not is_out_of_memory(error):
                raise
            reason = str(error)
        raise MemoryError(reason)
