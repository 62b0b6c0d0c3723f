"""AltCLIP: OpenAI's large picture tower beside an XLM-RoBERTa, which learnt from its texts."""

from __future__ import annotations

from typing import Any

from moderation.clip.families.clip import Clip
from moderation.clip.families.masked_text import MaskedText


class AltClip(MaskedText, Clip, model_types=("altclip",)):
    """The stock `AltCLIPModel`. Its authors cut texts after 77 tokens, as CLIP's do."""

    trained_length = 77
    stock_text = {"max_position_embeddings": 514, "pad_token_id": 1}
    blocks = {**Clip.blocks, "text": "text_model.roberta.encoder.layers."}
    ends = (
        "vision_model.post_layernorm.",
        "text_model.pre_LN.",
        "text_model.transformation.",
        "visual_projection.",
        "text_projection.",
    )
    fixed = ("k_proj.bias", "self.key.bias", "logit_scale")

    def model_class(self) -> Any:
        from transformers import AltCLIPModel

        return AltCLIPModel

    def text_length(self, config: Any) -> int:
        """Places are counted from behind the padding token's number, as RoBERTa does."""
        text = config.text_config
        return min(self.trained_length, text.max_position_embeddings - text.pad_token_id - 1)
