"""Text towers of BERT's kind: each token sees all others, and the vector is taken at the first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from moderation.clip.errors import ModelError
from moderation.clip.families.family import Family
from moderation.clip.families.tokenizer_files import word_pieces

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel


class MaskedText(Family, model_types=()):
    """What such a family's texts have in common; it stands before the family of its pictures.

    `trained_length` is the most tokens of a text that the model learnt with: it has places for
    many more, of which it knows nothing.
    """

    trained_length: ClassVar[int]
    stock_text = {"max_position_embeddings": 512}

    def text_length(self, config: Any) -> int:
        return min(self.trained_length, super().text_length(config))

    def text_inputs(self, config: Any, rows: Sequence[list[int]]) -> tuple[np.ndarray, ...]:
        """Padded to the longest, and which places are a text's own: others are not looked at."""
        longest, pad = max(map(len, rows)), config.text_config.pad_token_id
        ids = np.array([row + [pad] * (longest - len(row)) for row in rows])
        lengths = np.array([len(row) for row in rows])
        return ids, (np.arange(longest) < lengths[:, None]).astype(np.int64)

    def text_features(self, model: PreTrainedModel, *inputs: torch.Tensor) -> torch.Tensor:
        ids, mask = inputs
        found: torch.Tensor = model.get_text_features(
            input_ids=ids, attention_mask=mask
        ).pooler_output
        return found

    def check_tokenizer(self, config: Any, tokenizer: Tokenizer) -> None:
        """Without its first token a text would be known by its first word alone."""
        if not tokenizer.encode("a").special_tokens_mask[0]:
            raise ModelError(
                "tokenizer.json adds no start token to a text, at which this model takes its "
                "vector; take the tokenizer.json of the model it was made from."
            )

    def load_tokenizer(self, folder: Path) -> Tokenizer:
        """From tokenizer.json, or from the vocab.txt that BERT's first exports have instead."""
        if (folder / "tokenizer.json").is_file():
            return super().load_tokenizer(folder)
        return word_pieces(folder)
