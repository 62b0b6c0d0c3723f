"""torch, on any device it knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from moderation.clip import families
from moderation.clip.backends.backend import Backend
from moderation.clip.backends.cores import torch_threads
from moderation.clip.backends.device import choose_precision, is_out_of_memory

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from moderation.clip.families import Family
    from moderation.clip.pictures.preprocess import ImageTransform

Item = TypeVar("Item")


class Torch(Backend, name="torch"):
    """The model itself, moved to the device."""

    narrow = staticmethod(torch_threads)

    def __init__(
        self,
        family: Family,
        model: PreTrainedModel,
        transform: ImageTransform,
        *,
        device: str,
        precision: str,
    ) -> None:
        import torch

        super().__init__(
            family,
            transform,
            config=model.config,
            logit_scale=family.logit_scale(model),  # before it loses digits to a precision
            device=device,
            precision=precision,
        )
        dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
        self._dtype = dtypes[self.precision]
        self.model = model.to(device=self.device, dtype=self._dtype).eval()

    @classmethod
    def of_folder(
        cls, folder: Path, transform: ImageTransform, *, device: str, precision: str, exports: Path
    ) -> Torch:
        family = families.of(folder)
        return cls(family, family.load_model(folder), transform, device=device, precision=precision)

    def choose_precision(self, wanted: str) -> str:
        return choose_precision(self.device, wanted)

    def images(self, pictures: list[np.ndarray]) -> np.ndarray:
        def features(pictures: list[np.ndarray]) -> torch.Tensor:
            import torch

            arrays = self.family.image_inputs(pictures, self.transform)
            tensors = map(torch.from_numpy, arrays)
            inputs = [
                one.to(self.device, self._dtype if one.is_floating_point() else one.dtype)
                for one in tensors
            ]
            return self.family.image_features(self.model, *inputs)

        return self._unit(features, pictures)

    def texts(self, rows: list[list[int]]) -> np.ndarray:
        def features(rows: list[list[int]]) -> torch.Tensor:
            import torch

            arrays = self.family.text_inputs(self.config, rows)
            inputs = [torch.from_numpy(array).to(self.device) for array in arrays]
            return self.family.text_features(self.model, *inputs)

        return self._unit(features, rows)

    def _unit(
        self, features: Callable[[list[Item]], torch.Tensor], batch: list[Item]
    ) -> np.ndarray:
        import torch

        try:
            with torch.inference_mode():
                vectors = features(batch).float()
                return torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error)
        # Only now is the failed call's own memory free: its error held it.
        if self.device == "cuda":
            torch.cuda.empty_cache()
        raise MemoryError(reason)
