"""What the backends that run exported towers have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.backends import export
from moderation.clip.backends.backend import Backend
from moderation.clip.backends.device import is_out_of_memory
from moderation.clip.configuration import AUTO, EXPORTS
from moderation.clip.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from moderation.clip.families import Family, Tower
    from moderation.clip.pictures.preprocess import ImageTransform


class ExportedTowers(Backend):
    """The towers as ONNX files, run on the processor; a subclass says by whom."""

    def __init__(
        self,
        family: Family,
        model: PreTrainedModel,
        *args: Any,
        device: str,
        precision: str,
        folder: Path | None = None,
        exports: Path = EXPORTS,
    ) -> None:
        if (device or AUTO).lower() not in (AUTO, "cpu"):
            raise ModelError(
                f"The backend {self.name} runs on the processor; set CLIP_DEVICE to cpu, or "
                "CLIP_BACKEND to torch."
            )
        super().__init__(family, model, *args, device="cpu", precision=precision)
        if folder is None:
            raise ModelError(f"The backend {self.name} needs the folder that the model is of.")
        self.files = export.towers(family, model, folder, exports=exports, precision=self.precision)
        # From here on only its configuration is asked; the weights are in the files.
        self.model = model.to("meta")

    @abstractmethod
    def run(self, tower: Tower, inputs: export.Arrays) -> np.ndarray:
        """A tower's arrays to vectors float32 [n, dim], of any length."""

    def images(self, pictures: list[np.ndarray]) -> np.ndarray:
        def vectors(pictures: list[np.ndarray]) -> np.ndarray:
            return self.run("image", (_pixels(pictures, self.transform),))

        return self._unit(vectors, pictures)

    def texts(self, rows: list[list[int]]) -> np.ndarray:
        def vectors(rows: list[list[int]]) -> np.ndarray:
            return self.run("text", self.family.text_inputs(self.model.config, rows))

        return self._unit(vectors, rows)

    def _unit(self, vectors: Callable[[list[Any]], np.ndarray], batch: list[Any]) -> np.ndarray:
        """In int8 each item alone: its range rounds it, and must not be that of its neighbours."""
        parts = [[item] for item in batch] if self.precision == "int8" else [batch]
        try:
            return export.unit(np.concatenate([vectors(part) for part in parts]))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error)
        raise MemoryError(reason)


def _pixels(pictures: list[np.ndarray], transform: ImageTransform) -> np.ndarray:
    """What `preprocess.pixel_values` gives, without torch: its threads do not survive a fork."""
    batch = np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32, order="C")
    rescale = np.float32(transform.rescale)
    mean, std = (
        (np.array(numbers, np.float32) / rescale).reshape(1, -1, 1, 1)
        for numbers in (transform.mean, transform.std)
    )
    batch -= mean
    batch /= std
    return batch
