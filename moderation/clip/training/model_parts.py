"""Towers as the bundled model trains them: patches dropped, texts once and in like lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import CLIPModel, PreTrainedTokenizerFast


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors [n, d] of length 1, float32."""
    from torch.nn import functional

    return functional.normalize(vectors.float(), dim=-1)


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
