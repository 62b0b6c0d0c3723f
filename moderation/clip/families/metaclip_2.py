"""MetaCLIP 2: Meta's CLIP that learnt from the texts of some three hundred languages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moderation.clip.errors import ModelError
from moderation.clip.families.clip import Clip

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class MetaClip2(Clip, model_types=("metaclip_2",)):
    """The stock `MetaClip2Model`: CLIP's towers, with XLM-V's vocabulary as it is written."""

    def model_class(self) -> Any:
        from transformers import MetaClip2Model

        return MetaClip2Model

    def check_tokenizer(self, config: Any, tokenizer: Tokenizer) -> None:
        """As of CLIP, but here 2 is the number of the end token itself."""
        expected, found = config.text_config.eos_token_id, tokenizer.encode("a").ids[-1]
        if expected != found:
            raise ModelError(
                f"config.json says that a text ends with token {expected}, but tokenizer.json ends "
                f"it with {found}; the two belong to different models."
            )
