"""SigLIP: Google's models with a loss for each pair; some read a hundred languages."""

from __future__ import annotations

import math
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from moderation.clip.checkpoints import weights
from moderation.clip.errors import ModelError
from moderation.clip.families.family import Family
from moderation.clip.families.tokenizer_files import tokenizer_config

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# The share of matches that the model itself expects at the threshold. It learnt with one match
# among 32,768 texts, so it gives true pairs 0.1 to 0.5 and others 0.0001 or less.
_OWN_PROBABILITY = 0.01


class Siglip(Family, model_types=("siglip",)):
    """The stock `SiglipModel`, and SigLIP 2 where its pictures have a fixed size.

    Mode `head` cannot train it: its picture tower ends in an attention over the patches.
    """

    ends = (
        "vision_model.post_layernorm.",
        "vision_model.head.",
        "text_model.final_layer_norm.",
        "text_model.head.",
    )
    fixed = ("k_proj.bias", "logit_scale", "logit_bias")
    preprocessor = {
        "do_center_crop": False,
        "size": {"height": 224, "width": 224},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    stock_text = {"max_position_embeddings": 64}
    lowers_all: ClassVar[bool] = False  # also where its tokenizer_config.json does not say so

    def model_class(self) -> Any:
        from transformers import SiglipModel

        return SiglipModel

    def dim(self, config: Any) -> int:
        return int(config.text_config.projection_size)

    def text_inputs(self, config: Any, rows: Sequence[list[int]]) -> tuple[np.ndarray, ...]:
        """Padded to the model's whole length, as it was trained.

        No attention mask: the vector is taken at the last place, which reads all others.
        """
        length, pad = self.text_length(config), config.text_config.pad_token_id
        return (np.array([row + [pad] * (length - len(row)) for row in rows]),)

    def threshold(self, folder: Path) -> float:
        """The cosine to which the model gives 0.01; that of CLIP would flag every product."""
        logit = math.log(_OWN_PROBABILITY / (1 - _OWN_PROBABILITY))
        bias = weights.read_number(folder, "logit_bias")
        return round((logit - bias) / self.read_logit_scale(folder), 4)

    def check_tokenizer(self, config: Any, tokenizer: Tokenizer) -> None:
        """Some exports of the tokenizer leave the end token out, which the model learnt with."""
        if not tokenizer.encode("a").special_tokens_mask[-1]:
            raise ModelError(
                "tokenizer.json adds no end token to a text, which SigLIP needs; take the "
                "tokenizer.json of the model it was made from."
            )

    def load_config(self, folder: Path) -> Any:
        """With the tokenizer's own padding: config.json often leaves it out, or has another."""
        config = super().load_config(folder)
        tokenizer = self.load_tokenizer(folder)
        name = _pad_token(tokenizer_config(folder))
        pad = tokenizer.token_to_id(name)
        if pad is None:
            raise ModelError(f"{folder / 'tokenizer.json'} lacks the padding token {name}.")
        config.text_config.pad_token_id = pad
        return config

    def load_tokenizer(self, folder: Path) -> Tokenizer:
        """Equal to the stock `SiglipTokenizer`, which changes texts before it splits them."""
        from tokenizers import Regex, normalizers

        tokenizer, said = super().load_tokenizer(folder), tokenizer_config(folder)
        own = said.get("tokenizer_class", "SiglipTokenizer") == "SiglipTokenizer"
        lowers = said.get("do_lower_case", own or self.lowers_all)
        steps: list[Any] = [normalizers.Lowercase()] if lowers else []
        if own:
            steps += [
                normalizers.Replace(Regex(f"[{re.escape(string.punctuation)}]"), ""),
                normalizers.Replace(Regex(r"\s+"), " "),
                normalizers.Strip(),
                # Left to the file's own rules, a word after a removed sign may lose its beginning.
                normalizers.Prepend("\u2581"),
            ]
        if tokenizer.normalizer is not None:
            steps.append(tokenizer.normalizer)
        tokenizer.normalizer = normalizers.Sequence(steps)
        return tokenizer


def _pad_token(said: dict[str, Any]) -> str:
    pad = said.get("pad_token") or "</s>"  # of the stock tokenizer
    return str(pad["content"] if isinstance(pad, dict) else pad)
