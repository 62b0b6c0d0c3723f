"""torch, on any device it knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from moderation.clip.backends.backend import Backend
from moderation.clip.backends.device import is_out_of_memory

if TYPE_CHECKING:
    import torch

Item = TypeVar("Item")


class Torch(Backend, name="torch"):
    """The model itself, moved to the device."""

    def __init__(self, *args: Any, **options: Any) -> None:
        import torch

        super().__init__(*args, **options)
        dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
        self._dtype = dtypes[self.precision]
        self.model = self.model.to(device=self.device, dtype=self._dtype).eval()

    def images(self, pictures: list[np.ndarray]) -> np.ndarray:
        def features(pictures: list[np.ndarray]) -> torch.Tensor:
            inputs = [
                one.to(self.device, self._dtype if one.is_floating_point() else one.dtype)
                for one in self.family.image_inputs(pictures, self.transform)
            ]
            return self.family.image_features(self.model, *inputs)

        return self._unit(features, pictures)

    def texts(self, rows: list[list[int]]) -> np.ndarray:
        def features(rows: list[list[int]]) -> torch.Tensor:
            import torch

            arrays = self.family.text_inputs(self.model.config, rows)
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
