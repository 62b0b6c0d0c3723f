"""ALIGN: an EfficientNet beside a BERT, as Kakao Brain trained it on COYO-700M."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moderation.clip.checkpoints import weights
from moderation.clip.families.masked_text import MaskedText

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


class Align(MaskedText, model_types=("align",)):
    """The stock `AlignModel`. Its processor cuts texts after 64 tokens.

    Mode `head` cannot train it: the picture's vector is the mean of the last block's own map.
    Its scale is kept as a temperature, one divided by the factor of the cosines.
    """

    trained_length = 64
    blocks = {"image": "vision_model.encoder.blocks.", "text": "text_model.encoder.layer."}
    ends = ("text_projection.",)
    # The text tower has a last layer that its vector does not come from.
    fixed = ("self.key.bias", "temperature", "pooler.dense.weight", "pooler.dense.bias")
    preprocessor = {
        "do_center_crop": False,
        "size": {"height": 346, "width": 346},
        "crop_size": {"height": 289, "width": 289},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }

    def model_class(self) -> Any:
        from transformers import AlignModel

        return AlignModel

    def dim(self, config: Any) -> int:
        return int(config.projection_dim)

    def picture_rules(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """EfficientNet's processor takes up to three steps where CLIP's takes one: after rescaling
        it may subtract 1, subtract the mean and divide by the deviation, and divide once more."""
        rules = {**self.preprocessor, **said}
        normalised = rules.pop("do_normalize", True)
        mean = rules["image_mean"] if normalised else [0.0] * 3
        std = rules["image_std"] if normalised else [1.0] * 3
        if rules.get("rescale_offset", False):
            mean = [value + 1 for value in mean]
        if rules.get("include_top", True):
            std = [one * other for one, other in zip(std, rules["image_std"], strict=True)]
        return {**rules, "image_mean": mean, "image_std": std}

    def load_config(self, folder: Path) -> Any:
        """With the edge of its pictures and the number of its blocks: config.json has those of the
        EfficientNet that it was copied from."""
        config, transform = super().load_config(folder), self.load_transform(folder)
        vision = config.vision_config
        vision.image_size = (transform.crop or transform.squash or (transform.target_edge,))[0]
        vision.num_hidden_layers = sum(
            math.ceil(vision.depth_coefficient * count) for count in vision.num_block_repeats
        )
        return config

    def scale(self, model: PreTrainedModel) -> torch.Tensor:
        found: torch.Tensor = 1 / model.temperature.float()
        return found

    def bound_scale(self, model: PreTrainedModel) -> None:
        model.temperature.clamp_(0.01, 1.0)

    def read_logit_scale(self, folder: Path) -> float:
        return 1 / weights.read_number(folder, "temperature")
