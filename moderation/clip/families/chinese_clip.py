"""Chinese-CLIP: CLIP's picture tower beside a Chinese RoBERTa."""

from __future__ import annotations

from typing import Any

from moderation.clip.families.clip import Clip
from moderation.clip.families.masked_text import MaskedText


class ChineseClip(MaskedText, Clip, model_types=("chinese_clip",)):
    """The stock `ChineseCLIPModel`. Its authors cut texts after 52 tokens, with start and end."""

    trained_length = 52
    blocks = {**Clip.blocks, "text": "text_model.encoder.layer."}
    ends = ("vision_model.post_layernorm.", "visual_projection.", "text_projection.")
    fixed = ("k_proj.bias", "self.key.bias", "logit_scale")

    def model_class(self) -> Any:
        from transformers import ChineseCLIPModel

        return ChineseCLIPModel
