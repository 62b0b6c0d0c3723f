"""SigLIP 2 NaFlex: SigLIP that sees a photo in its own shape, in patches of the whole of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from moderation.clip.families.siglip import Siglip
from moderation.clip.pictures.preprocess import ImageTransform, scaled_mean_std

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class SiglipNaflex(Siglip, model_types=("siglip2",)):
    """The stock `Siglip2Model`.

    A picture is scaled until it fills the model's 256 patches as far as its shape lets it. Mode
    `adapt` sees squares out of the middle, since it keeps its pictures in one size.
    """

    lowers_all = True
    preprocessor = {
        "resample": 2,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "patch_size": 16,
        "max_num_patches": 256,
    }

    def model_class(self) -> Any:
        from transformers import Siglip2Model

        return Siglip2Model

    def image_size(self, config: Any) -> int:
        """The edge of a square picture that fills all patches the model has places for."""
        vision = config.vision_config
        return int(vision.patch_size) * math.isqrt(vision.num_patches)

    def picture_rules(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without a size that an export may have beside the patches: nothing reads it."""
        rules = {**super().picture_rules(said)}
        rules.pop("size", None)
        return rules

    def image_inputs(
        self, pictures: Sequence[np.ndarray], transform: ImageTransform
    ) -> tuple[np.ndarray, ...]:
        """Patches [n, most, 3 p p], which of them are a picture's own [n, most], and how many lie
        below and beside each other [n, 2]. All are filled up to `most`: so a vector does not
        depend, not even by its rounding, on which pictures came along."""
        assert transform.patches is not None
        patch, most = transform.patches
        values = np.zeros((len(pictures), most, 3 * patch * patch), np.float32)
        mask = np.zeros((len(pictures), most), np.int32)
        shapes = np.zeros((len(pictures), 2), np.int64)
        mean, std = scaled_mean_std(transform)
        for row, picture in enumerate(pictures):
            tall, wide = picture.shape[0] // patch, picture.shape[1] // patch
            scaled = (picture.astype(np.float32) - mean) / std  # [H, W, 3]
            parts = scaled.reshape(tall, patch, wide, patch, 3).swapaxes(1, 2)
            values[row, : tall * wide] = parts.reshape(tall * wide, -1)
            mask[row, : tall * wide] = 1
            shapes[row] = (tall, wide)
        return values, mask, shapes

    def image_features(self, model: PreTrainedModel, *inputs: torch.Tensor) -> torch.Tensor:
        """As of all families; pictures of one size may come as float [n, 3, H, W] alone."""
        import torch

        if len(inputs) == 1:
            patch = model.config.vision_config.patch_size
            pixels = inputs[0].permute(0, 2, 3, 1)  # [n, H, W, 3]
            count, height, width, _channels = pixels.shape
            values = _patches(pixels, patch)
            shape = torch.tensor([height // patch, width // patch], device=pixels.device)
            mask = torch.ones(values.shape[:2], dtype=torch.int32, device=pixels.device)
            inputs = (values, mask, shape.expand(count, 2))
        values, mask, shapes = inputs
        found: torch.Tensor = model.get_image_features(
            pixel_values=values, pixel_attention_mask=mask, spatial_shapes=shapes
        ).pooler_output
        return found


def _patches(pixels: torch.Tensor, patch: int) -> torch.Tensor:
    """[n, H, W, 3] to [n, patches, patch * patch * 3], row by row."""
    count, height, width, channels = pixels.shape
    parts = pixels.reshape(count, height // patch, patch, width // patch, patch, channels)
    return parts.transpose(2, 3).reshape(count, -1, patch * patch * channels)
