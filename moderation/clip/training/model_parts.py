"""All that trainings know of the inside of a `CLIPModel`; another family changes this file only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import CLIPModel, PreTrainedTokenizerFast

# The matrices that mode head learns, and the layers that they are folded into.
IMAGE_MAP, TEXT_MAP = "M_image", "M_text"
PROJECTIONS = {IMAGE_MAP: "visual_projection.weight", TEXT_MAP: "text_projection.weight"}
# Nothing but rounding reaches them: a constant added to all keys leaves the attention as it is.
_NEVER = ("k_proj.bias", "logit_scale")


def image_size(folder: Path) -> int:
    """The side of the pictures that the model of this folder looks at, in pixels."""
    from transformers import CLIPConfig

    config = CLIPConfig.from_pretrained(folder, local_files_only=True)
    return int(config.vision_config.image_size)


def longest_text(model: CLIPModel) -> int:
    """The most tokens that the model reads of a text."""
    return int(model.config.text_config.max_position_embeddings)


def learns(name: str, model: CLIPModel, *, mode: str) -> bool:
    """Whether the mode (`full` or `last`) trains the weight of this name."""
    return (mode == "full" or _is_last(name, model)) and not name.endswith(_NEVER)


def _is_last(name: str, model: CLIPModel) -> bool:
    """Whether this weight belongs to a tower's last block, to what follows it, or a projection."""
    config = model.config
    return name.startswith(
        (
            f"vision_model.encoder.layers.{config.vision_config.num_hidden_layers - 1}.",
            f"text_model.encoder.layers.{config.text_config.num_hidden_layers - 1}.",
            "vision_model.post_layernorm.",
            "text_model.final_layer_norm.",
            "visual_projection.",
            "text_projection.",
        )
    )


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors [n, d] of length 1, float32."""
    from torch.nn import functional

    return functional.normalize(vectors.float(), dim=-1)


def image_features(model: CLIPModel, pixels: torch.Tensor) -> torch.Tensor:
    """[b, 3, H, W] normalised -> vectors [b, d] of any length, by the whole tower."""
    return model.get_image_features(pixel_values=pixels).pooler_output


def text_features(model: CLIPModel, ids: torch.Tensor) -> torch.Tensor:
    """Token ids [m, t], padded with the end token -> vectors [m, d] of any length."""
    return model.get_text_features(input_ids=ids).pooler_output


def encode_images(
    model: CLIPModel,
    pixels: torch.Tensor,
    *,
    dropped: float = 0.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """[b, 3, s, s] normalised -> [b, d]; `dropped`: share of patches left out at random."""
    tower = model.vision_model
    hidden = tower.embeddings(pixels)  # [b, 1 + patches, width]
    if dropped:
        hidden = _less_patches(hidden, dropped, generator)
    hidden = tower.pre_layrnorm(hidden)
    hidden = tower.encoder(inputs_embeds=hidden).last_hidden_state
    return model.visual_projection(tower.post_layernorm(hidden[:, 0]))


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


def encode_texts(
    model: CLIPModel, texts: list[str], tokenizer: PreTrainedTokenizerFast
) -> torch.Tensor:
    """[m] texts -> [m, d]: each distinct text once, in four batches of like length."""
    import torch

    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    place = {text: i for i, text in enumerate(distinct)}
    size = -(-len(distinct) // 4)
    device = model.logit_scale.device
    found = []
    for start in range(0, len(distinct), size):
        tokens = tokenizer(
            distinct[start : start + size], padding=True, truncation=True, return_tensors="pt"
        ).to(device)
        found.append(model.text_projection(model.text_model(**tokens).pooler_output))
    order = torch.tensor([place[text] for text in texts], device=device)
    return torch.cat(found)[order]
