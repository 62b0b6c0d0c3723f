"""What a model keeps while it learns a shop: its answers to pictures and words of no shop.

Training on one shop's listings makes a model forget other domains. The data that it once knew them
from is not there, so made-up inputs stand in for it (data-free distillation, after Li and Hoiem
2017, Learning without Forgetting): the shop's pictures with their colours exchanged, cut small and
laid over one another, and random words of the model's own vocabulary. On these the vectors must
stay where they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.data.augment import COLOURS, vary_images
from moderation.clip.prompts import DEFAULT_CATEGORIES

if TYPE_CHECKING:
    import torch

_MIN_ZOOM = 0.35
_MOST_WORDS = 6
_END = "</w>"  # how CLIP's tokenizer marks a token that ends a word


def vocabulary(tokens: list[str]) -> list[str]:
    """The whole words among a tokenizer's tokens, and general ones, in order of the alphabet."""
    words = {token.removesuffix(_END) for token in tokens if token.endswith(_END)}
    words |= {word for _name, noun in DEFAULT_CATEGORIES for word in noun.split()}
    return sorted(word for word in words | set(COLOURS) if word.isalpha() and len(word) > 2)


def made_up_texts(words: list[str], *, count: int, rng: np.random.Generator) -> list[str]:
    """`count` texts of one to six random words."""
    return [
        " ".join(rng.choice(words, size=rng.integers(1, _MOST_WORDS + 1))) for _ in range(count)
    ]


def made_up_pictures(
    pixels: torch.Tensor, *, size: int, rng: np.random.Generator, generator: torch.Generator
) -> torch.Tensor:
    """Pictures of no shop, from [k, s, s, 3] uint8 to [k, 3, size, size] float in 0..1.

    Small cuts, red, green and blue exchanged, and every second one shining through another.
    """
    import torch

    found = vary_images(pixels, size=size, min_zoom=_MIN_ZOOM, generator=generator)
    count = len(found)
    channels = torch.from_numpy(np.stack([rng.permutation(3) for _ in range(count)]))
    found = torch.gather(found, 1, channels[:, :, None, None].expand_as(found).to(found.device))
    other = np.where(rng.random(count) < 0.5, rng.random(count) / 2, 0.0).astype(np.float32)
    share = torch.from_numpy(other)[:, None, None, None].to(found.device)
    return (1 - share) * found + share * found.roll(1, dims=0)


def drift(now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """How far unit vectors [k, d] have turned: 1 - cosine, the mean of them."""
    return 1 - (now * before).sum(dim=1).mean()
