"""What each backend must do: run the two towers of a loaded model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.backends.core_count import cpu_cores
from moderation.clip.backends.cores import CorePool, threads
from moderation.clip.backends.device import choose_device
from moderation.clip.configuration import AUTO, COMPUTES, arithmetic
from moderation.clip.errors import ModelError

if TYPE_CHECKING:
    from moderation.clip.families import Family
    from moderation.clip.pictures.preprocess import ImageTransform

BACKENDS: dict[str, type[Backend]] = {}


class Backend(ABC):
    """The towers of one model on one device, in one precision; called by many threads at once.

    `cores` are the threads that the encoder calls it in, `narrow` makes those that use one core.
    """

    name: str
    narrow = staticmethod(threads)

    def __init_subclass__(cls, *, name: str = "") -> None:
        """`name` is what `Encoder.load(backend=)` takes; what several share has none."""
        if name:
            cls.name = name
            BACKENDS[name] = cls

    def __init__(
        self,
        family: Family,
        transform: ImageTransform,
        *,
        config: Any,
        logit_scale: float,
        device: str,
        precision: str,
    ) -> None:
        """`config` is what config.json says, `logit_scale` the model's, with all its digits."""
        self.family, self.transform = family, transform
        self.config, self.logit_scale = config, logit_scale
        self.device = choose_device(device)
        self.precision = self.choose_precision(precision)
        cores = cpu_cores() if self.device == "cpu" else 1
        self.cores = CorePool(cores, narrow=self.narrow)

    @classmethod
    @abstractmethod
    def of_folder(
        cls, folder: Path, transform: ImageTransform, *, device: str, precision: str, exports: Path
    ) -> Backend:
        """The backend for a model folder; in `exports` it may keep files that it makes of it.

        Raises `ModelError`.
        """

    @property
    def arithmetic(self) -> str:
        """Under which name vectors of it are cached."""
        return arithmetic(self.name, self.precision)

    def choose_precision(self, wanted: str) -> str:
        """The wanted precision, or fp32. Raises `ModelError` where this backend has no such."""
        wanted = "fp32" if (wanted or AUTO).lower() == AUTO else wanted.lower()
        if wanted not in COMPUTES.get(self.name, ("fp32",)):
            able = " or ".join(COMPUTES.get(self.name, ("fp32",)))
            raise ModelError(f"The backend {self.name} computes in {able}, not in {wanted}.")
        return wanted

    @abstractmethod
    def images(self, pictures: list[np.ndarray]) -> np.ndarray:
        """uint8 [H, W, 3] each, as `transform` makes them (of some families each of a size of its
        own), to unit vectors, float32 [n, dim].

        Raises `MemoryError` where so many are too many.
        """

    @abstractmethod
    def texts(self, rows: list[list[int]]) -> np.ndarray:
        """Token rows to unit vectors, float32 [n, dim]. Raises `MemoryError` as `images` does."""
