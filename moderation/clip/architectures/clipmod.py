"""The bundled model: EfficientNet-Lite0 for pictures, CLIP's text tower, a projection each."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from moderation.clip.architectures.efficientnet_lite import FEATURES, EfficientNetLite0


class ClipmodConfig(PretrainedConfig):
    """What config.json says: the picture's edge, the vector's length, and CLIP's text tower."""

    model_type = "clipmod"
    sub_configs = {"text_config": CLIPTextConfig}

    def __init__(
        self,
        text_config: CLIPTextConfig | dict[str, Any] | None = None,
        image_size: int = 112,
        projection_dim: int = 128,
        logit_scale_init_value: float = 2.6592,
        **others: Any,
    ) -> None:
        if not isinstance(text_config, CLIPTextConfig):
            text_config = CLIPTextConfig(**(text_config or {}))
        self.text_config = text_config
        self.image_size, self.projection_dim = image_size, projection_dim
        self.logit_scale_init_value = logit_scale_init_value
        super().__init__(**others)


class ClipmodModel(PreTrainedModel):
    """Two towers with the calls of `CLIPModel` that clipmod makes."""

    config_class = ClipmodConfig
    base_model_prefix = "clipmod"
    main_input_name = "pixel_values"
    _supports_sdpa = True

    def __init__(self, config: ClipmodConfig) -> None:
        super().__init__(config)
        self.vision_model = EfficientNetLite0()
        text_config: Any = config.text_config
        self.text_model = CLIPTextModel._from_config(text_config)
        self.visual_projection = nn.Linear(FEATURES, config.projection_dim, bias=False)
        width = text_config.hidden_size
        self.text_projection = nn.Linear(width, config.projection_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(config.logit_scale_init_value))
        self.post_init()

    def get_image_features(self, pixel_values: torch.Tensor) -> BaseModelOutputWithPooling:
        """Normalised pictures [n, 3, s, s]; `pooler_output` [n, d]."""
        features = self.vision_model(pixel_values)
        return BaseModelOutputWithPooling(pooler_output=self.visual_projection(features))

    def get_text_features(self, input_ids: torch.Tensor) -> BaseModelOutputWithPooling:
        """Token rows [n, t] that each end with the end token; `pooler_output` [n, d]."""
        pooled = self.text_model(input_ids=input_ids).pooler_output
        return BaseModelOutputWithPooling(pooler_output=self.text_projection(pooled))
