"""The bundled model's family: a convolutional picture tower beside CLIP's text tower."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.families.clip import Clip

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class Clipmod(Clip, model_types=("clipmod",)):
    """What `pretrain_clip` makes; transformers alone does not know it."""

    ends = ("vision_model.head.", "text_model.final_layer_norm.", "visual_projection.",
            "text_projection.")  # fmt: skip
    dropped = 0.2

    def model_class(self) -> Any:
        from moderation.clip.architectures.clipmod import ClipmodModel

        return ClipmodModel

    def image_size(self, config: Any) -> int:
        return int(config.image_size)

    def last_layers(self, config: Any) -> tuple[str, ...]:
        last = config.text_config.num_hidden_layers - 1
        return ("vision_model.blocks.15.", f"text_model.encoder.layers.{last}.", *self.ends)

    def load_model(self, folder: Path, *, dtype: torch.dtype | None = None) -> PreTrainedModel:
        """With the channels last in the tower's weights, so that no call rearranges them."""
        import torch

        model = super().load_model(folder, dtype=dtype)
        model.vision_model.to(memory_format=torch.channels_last)
        return model

    def thinned_image_features(
        self,
        model: PreTrainedModel,
        pixels: torch.Tensor,
        *,
        dropped: float,
        generator: torch.Generator | None,
    ) -> torch.Tensor:
        """Without a share of the pooled features (dropout)."""
        import torch

        features = model.vision_model(pixels)  # [n, f]
        if dropped:
            kept = torch.rand(features.shape, generator=generator) >= dropped
            features = features * kept.to(features.device) / (1 - dropped)
        found: torch.Tensor = model.visual_projection(features)
        return found
