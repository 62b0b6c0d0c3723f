"""CLIP: OpenAI's models and those trained like them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from moderation.clip.checkpoints import hub
from moderation.clip.errors import ModelError
from moderation.clip.families.family import Family

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel


class Clip(Family, model_types=("clip",)):
    """The stock `CLIPModel`."""

    projections = {"image": "visual_projection.weight", "text": "text_projection.weight"}
    ends: ClassVar[tuple[str, ...]] = (
        "vision_model.post_layernorm.",
        "text_model.final_layer_norm.",
        "visual_projection.",
        "text_projection.",
    )

    # A constant added to all keys leaves the attention as it is: nothing but rounding reaches it.
    fixed: ClassVar[tuple[str, ...]] = ("k_proj.bias", "logit_scale")
    dropped = 0.5

    def model_class(self) -> Any:
        from transformers import CLIPModel

        return CLIPModel

    def dim(self, config: Any) -> int:
        return int(config.projection_dim)

    def thinned_image_features(
        self,
        model: PreTrainedModel,
        pixels: torch.Tensor,
        *,
        dropped: float,
        generator: torch.Generator | None,
    ) -> torch.Tensor:
        """Without a share of the patches (FLIP, Li et al. 2023): half of them cost half."""
        tower = model.vision_model
        hidden = tower.embeddings(pixels)  # [b, 1 + patches, width]
        if dropped:
            hidden = _less_patches(hidden, dropped, generator)
        hidden = tower.pre_layrnorm(hidden)
        hidden = tower.encoder(inputs_embeds=hidden).last_hidden_state
        found: torch.Tensor = model.visual_projection(tower.post_layernorm(hidden[:, 0]))
        return found

    def text_inputs(self, config: Any, rows: Sequence[list[int]]) -> tuple[np.ndarray, ...]:
        """Padded with each row's own end token, to the longest of them.

        No attention mask: attention is causal and the vector is taken at the first end token, which
        cannot see what follows it.
        """
        longest = max(map(len, rows))
        return (np.array([row + row[-1:] * (longest - len(row)) for row in rows]),)

    def check_tokenizer(self, config: Any, tokenizer: Tokenizer) -> None:
        """A text's vector is taken at its end token: with a wrong one all texts look alike."""
        expected = config.text_config.eos_token_id
        found = tokenizer.encode("a").ids[-1]
        # 2 stands in OpenAI's configs, and makes transformers look for the highest token instead.
        if expected not in (2, found):
            raise ModelError(
                f"config.json says that a text ends with token {expected}, but tokenizer.json ends "
                f"it with {found}; the two belong to different models."
            )

    def load_tokenizer(self, folder: Path) -> Tokenizer:
        """Equal to the stock `CLIPTokenizer`; old folders have two files instead of one."""
        if (folder / "tokenizer.json").is_file():
            return super().load_tokenizer(folder)
        # Without them transformers would make up an empty one.
        if not all((folder / name).is_file() for name in ("vocab.json", "merges.txt")):
            raise ModelError(f"{folder} has no tokenizer.json, nor vocab.json and merges.txt.")
        hub.keep_quiet()
        from transformers import CLIPTokenizer

        try:
            found = CLIPTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(f"{folder / 'vocab.json'} is not a valid tokenizer.") from error
        found.no_padding()
        found.no_truncation()
        return found


def _less_patches(
    hidden: torch.Tensor, dropped: float, generator: torch.Generator | None
) -> torch.Tensor:
    """Embeddings [b, 1 + patches, width] without a share of the patches; the first token stays."""
    import torch

    count, patches = hidden.shape[0], hidden.shape[1] - 1
    keep = round(patches * (1 - dropped))
    order = torch.rand(count, patches, generator=generator).argsort(dim=1)[:, :keep]
    order = torch.cat([torch.zeros(count, 1, dtype=torch.long), order + 1], dim=1)
    return hidden.gather(1, order.to(hidden.device)[..., None].expand(-1, -1, hidden.shape[2]))
