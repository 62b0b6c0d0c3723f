"""What each backend must do: run the two towers of a loaded model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.backends.core_count import cpu_cores
from moderation.clip.backends.cores import CorePool
from moderation.clip.backends.device import choose_device, choose_precision

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from moderation.clip.families import Family
    from moderation.clip.pictures.preprocess import ImageTransform

BACKENDS: dict[str, type[Backend]] = {}


class Backend(ABC):
    """The towers of one model on one device, in one precision; called by many threads at once.

    `cores` are the threads that the encoder calls it in.
    """

    name: str

    def __init_subclass__(cls, *, name: str) -> None:
        """`name` is what `Encoder.load(backend=)` takes."""
        cls.name = name
        BACKENDS[name] = cls

    def __init__(
        self,
        family: Family,
        model: PreTrainedModel,
        transform: ImageTransform,
        *,
        device: str,
        precision: str,
    ) -> None:
        self.family, self.model, self.transform = family, model, transform
        self.device = choose_device(device)
        self.precision = choose_precision(self.device, precision)
        self.logit_scale = family.logit_scale(model)  # before it loses digits to a precision
        self.cores = CorePool(cpu_cores() if self.device == "cpu" else 1)

    @abstractmethod
    def images(self, pictures: list[np.ndarray]) -> np.ndarray:
        """uint8 [H, W, 3] each, as `transform` makes them (of some families each of a size of its
        own), to unit vectors, float32 [n, dim].

        Raises `MemoryError` where so many are too many.
        """

    @abstractmethod
    def texts(self, rows: list[list[int]]) -> np.ndarray:
        """Token rows to unit vectors, float32 [n, dim]. Raises `MemoryError` as `images` does."""
