"""Towers as a training of all weights runs them: thinned pictures, each distinct text once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from moderation.clip.texts.tokens import Tokens


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors [n, d] of length 1, float32."""
    from torch.nn import functional

    return functional.normalize(vectors.float(), dim=-1)


def encode_images(
    model: PreTrainedModel,
    pixels: torch.Tensor,
    *,
    dropped: float = 0.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """[b, 3, s, s] normalised -> [b, d]; `dropped`: the share left out at random."""
    from moderation.clip import families

    family = families.of_model(model)
    return family.thinned_image_features(model, pixels, dropped=dropped, generator=generator)


def encode_texts(model: PreTrainedModel, texts: list[str], tokens: Tokens) -> torch.Tensor:
    """[m] texts -> [m, d]: each distinct text once, in four batches of like length."""
    import torch

    from moderation.clip import families

    family = families.of_model(model)
    distinct = sorted(set(texts), key=lambda text: (len(text), text))
    place = {text: i for i, text in enumerate(distinct)}
    size = -(-len(distinct) // 4)
    device = model.device
    found = []
    for start in range(0, len(distinct), size):
        rows = tokens.rows(distinct[start : start + size])
        inputs = family.text_inputs(model.config, rows)
        found.append(
            family.text_features(model, *(torch.from_numpy(one).to(device) for one in inputs))
        )
    order = torch.tensor([place[text] for text in texts], device=device)
    return torch.cat(found)[order]
