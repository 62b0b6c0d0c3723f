"""Changes made to pictures and texts while the bundled model trains, and the mismatches it learns.

Pictures: mirrored, cropped, turned a little, lighter or darker; never another hue, because colour
is part of what a listing says. Texts: brand words fall out, templates come in, so that the text
tower learns the words that a photo can show. Mismatches are made by general rules over colour
words and categories of the training rows only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

COLOURS: tuple[str, ...] = (
    "black", "white", "blue", "navy blue", "navy", "light blue", "sky blue", "red", "green",
    "yellow", "pink", "purple", "grey", "gray", "brown", "beige", "orange", "maroon", "olive",
    "khaki", "silver", "gold", "golden", "cream", "peach", "multi", "charcoal", "tan", "lavender",
    "magenta", "turquoise", "bronze", "copper", "rust", "teal", "violet", "mustard", "burgundy",
    "off white", "nude", "coffee", "indigo", "coral", "ivory", "aqua", "crimson", "lime", "taupe",
)  # fmt: skip
_COLOUR = re.compile(
    r"\b(" + "|".join(sorted(COLOURS, key=len, reverse=True)) + r")\b", re.IGNORECASE
)
TEMPLATES = (
    "{}",
    "a photo of a {}",
    "a photo of {}",
    "a picture of a {}",
    "{} for sale",
    "a product photo of a {}",
    "an item of the category {}",
)
_EITHER_WAY = 0.5


def readable(category: str) -> str:
    """A category as people write it: "Arla-Sour-Cream" -> "arla sour cream"."""
    return re.sub(r"(?<=\w{2})[-_]+(?=\w)", " ", category).lower()


def colours_in(text: str) -> frozenset[str]:
    """The colour words of a text, in lower case ("navy blue" is one colour)."""
    return frozenset(found.lower() for found in _COLOUR.findall(text))


def swap_colour(text: str, *, colours: Sequence[str], rng: np.random.Generator) -> str | None:
    """The text with one colour word replaced by another of `colours`; None where it names none.

    The new colour shares no word with a colour of the text (so "navy blue" never turns "blue").
    """
    found = list(_COLOUR.finditer(text))
    if not found:
        return None
    taken = {word for match in found for word in match.group(0).lower().split()}
    others = [colour for colour in colours if not taken & set(colour.split())]
    if not others:
        return None
    return with_another(text, found, others, rng=rng)


def with_another(
    text: str, found: Sequence[re.Match[str]], others: Sequence[str], *, rng: np.random.Generator
) -> str:
    """The text with one of the words found in it replaced by one of the others."""
    match = found[int(rng.integers(len(found)))]
    new = others[int(rng.integers(len(others)))]
    new = new.title() if match.group(0)[:1].isupper() else new
    return text[: match.start()] + new + text[match.end() :]


def frequent_colours(texts: Iterable[str], *, least: int) -> list[str]:
    """The colours that at least so many texts name, in order of the alphabet."""
    counts = Counter(colour for text in texts for colour in colours_in(text))
    return sorted(colour for colour, count in counts.items() if count >= least)


def vary_text(text: str, *, category: str, rng: np.random.Generator) -> str:
    """One way of saying the same: as it is, with words dropped, or only colour and category.

    Colour words and the words of the category are never dropped from a thinned text, so what is
    left is still true of the photo. Without a category there is nothing to say in its place.
    """
    choice = rng.random()
    if choice < 0.15:
        return text
    if choice < 0.35 and category:
        return _templated(text, category=category, rng=rng)
    return _thinned(text, category=category, rng=rng)


def _templated(text: str, *, category: str, rng: np.random.Generator) -> str:
    found = _COLOUR.findall(text)
    name = readable(category)
    if found and rng.random() < 0.7:
        name = f"{found[0].lower()} {name}"
    return TEMPLATES[rng.integers(len(TEMPLATES))].format(name)


def _thinned(text: str, *, category: str, rng: np.random.Generator) -> str:
    first, dot, _rest = text.partition(". ")
    words = (first if dot and rng.random() < 0.7 else text).split()
    keep = {word.rstrip("s") for word in re.findall(r"\w+", category.lower())}
    keep |= {word for colour in colours_in(text) for word in colour.split()}
    share = rng.random() * 0.6
    kept = [
        word
        for position, word in enumerate(words)
        if position == len(words) - 1
        or re.sub(r"\W+", "", word.lower()).rstrip("s") in keep
        or word.lower() in keep
        or rng.random() > share
    ]
    return " ".join(kept)


def vary_images(
    pixels: torch.Tensor, *, size: int, min_zoom: float, generator: torch.Generator
) -> torch.Tensor:
    """Random crops of stored pictures: [b, s, s, 3] uint8 -> [b, 3, size, size] float in 0..1.

    One affine map per picture (mirror, crop down to `min_zoom` of a side, shift, turn) read with
    bilinear sampling, then light changes of brightness and contrast, and now and then a grey patch
    (random erasing).
    """
    import torch
    from torch.nn import functional

    device, count = pixels.device, pixels.shape[0]

    def uniform(low: float, high: float) -> torch.Tensor:
        # Drawn on the CPU so that a seed gives the same numbers on every device.
        return torch.empty(count).uniform_(low, high, generator=generator).to(device)

    images = pixels.permute(0, 3, 1, 2).float().div_(255)  # [b, 3, s, s]
    zoom, stretch, turn = uniform(min_zoom, 1.04), uniform(0.9, 1.1), uniform(-0.15, 0.15)
    mirror = torch.where(uniform(0, 1) < _EITHER_WAY, -1.0, 1.0)
    slack = (1.04 - zoom).clamp(min=0.0)
    theta = torch.zeros(count, 2, 3, device=device)  # maps output to input coordinates
    theta[:, 0, 0] = mirror * zoom * stretch * turn.cos()
    theta[:, 0, 1] = -zoom * turn.sin()
    theta[:, 1, 0] = mirror * zoom * turn.sin()
    theta[:, 1, 1] = zoom / stretch * turn.cos()
    theta[:, 0, 2] = uniform(-1, 1) * slack
    theta[:, 1, 2] = uniform(-1, 1) * slack
    grid = functional.affine_grid(theta, [count, 3, size, size], align_corners=False)
    images = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    contrast = uniform(0.85, 1.15)[:, None, None, None]
    brightness = uniform(0.85, 1.15)[:, None, None, None]
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    images = ((images - mean) * contrast + mean) * brightness
    return _erase(images.clamp_(0, 1), uniform=uniform)


def _erase(
    images: torch.Tensor, *, uniform: Callable[[float, float], torch.Tensor]
) -> torch.Tensor:
    """A quarter of the pictures lose a rectangle of up to 40% of each side."""
    import torch

    size = images.shape[-1]
    place = torch.arange(size, device=images.device)[None] / size  # [1, size]
    inside = []
    for _axis in range(2):
        side, start = uniform(0.15, 0.4), uniform(0.0, 0.8)
        inside.append((place >= start[:, None]) & (place < (start + side)[:, None]))
    chosen = uniform(0, 1) < 0.25
    hole = (inside[0][:, :, None] & inside[1][:, None, :]) & chosen[:, None, None]  # [b, s, s]
    return torch.where(hole[:, None], torch.full_like(images, 0.5), images)
