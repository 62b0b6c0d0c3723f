"""Mismatches made from decided matches: another colour, another material, another type."""

from __future__ import annotations

import re

import numpy as np

from moderation.clip.data.augment import frequent_colours, swap_colour, with_another
from moderation.clip.data.negatives import head_noun
from moderation.clip.data.product_rows import normalised
from moderation.clip.finetune.data import LabelledPairs

MATERIALS: tuple[str, ...] = (
    "cotton", "leather", "suede", "denim", "wool", "woollen", "silk", "linen", "velvet", "satin",
    "canvas", "mesh", "knit", "fleece", "nylon", "rubber", "straw", "wood", "wooden", "metal",
    "steel", "glass", "ceramic", "plastic", "bamboo", "stone", "paper", "lace", "fur", "corduroy",
)  # fmt: skip
_MATERIAL = re.compile(r"\b(" + "|".join(MATERIALS) + r")\b", re.IGNORECASE)
# What a photo cannot tell apart, or what is one material under two names.
_ALIKE = (
    {"wool", "woollen", "knit", "fleece", "cotton"},
    {"wood", "wooden", "bamboo"},
    {"metal", "steel"},
    {"leather", "suede"},
    {"silk", "satin", "velvet"},
    {"cotton", "linen", "canvas", "denim"},
)
_TRIES = 6


class Swaps:
    """Made mismatches for the decided matches among `pairs`; decided mismatches get none."""

    def __init__(self, pairs: LabelledPairs) -> None:
        self.pairs = pairs
        self.matches = np.flatnonzero(pairs.labels == 1)
        self.colours = frequent_colours(pairs.texts, least=2)
        self.nouns = [head_noun(category) for category in pairs.categories]
        self.words = [frozenset(normalised(text).split()) for text in pairs.texts]

    def draw(self, row: int, *, rng: np.random.Generator) -> str | None:
        """A text that is not true of the picture of `row`; None where none can be made."""
        if not self.pairs.labels[row]:
            return None
        text, number = self.pairs.texts[row], rng.random()
        swapped = None
        if number < 0.5:
            swapped = swap_colour(text, colours=self.colours, rng=rng)
        elif number < 0.6:
            swapped = swap_material(text, rng=rng)
        return swapped or self.other_type(row, rng=rng)

    def other_type(self, row: int, *, rng: np.random.Generator) -> str | None:
        """The text of a match of another type: of a few drawn, the one most alike in words."""
        drawn = self.matches[rng.integers(len(self.matches), size=_TRIES)]
        others = [int(other) for other in drawn if self._differs(row, int(other))]
        if not others:
            return None
        return self.pairs.texts[max(others, key=lambda other: self._overlap(row, other))]

    def _differs(self, row: int, other: int) -> bool:
        if self.nouns[row] and self.nouns[other]:
            return self.nouns[row] != self.nouns[other]
        return self._overlap(row, other) < 1 / 3  # no categories: little in common must do

    def _overlap(self, row: int, other: int) -> float:
        """Shared words of two texts as a part of all their words (Jaccard), 0 to 1."""
        one, two = self.words[row], self.words[other]
        return len(one & two) / max(len(one | two), 1)


def swap_material(text: str, *, rng: np.random.Generator) -> str | None:
    """The text with one material replaced by one that looks different; None where it names none."""
    found = list(_MATERIAL.finditer(text))
    if not found:
        return None
    taken = {other.group(0).lower() for other in found}
    alike = taken.union(*(group for group in _ALIKE if group & taken))
    others = [material for material in MATERIALS if material not in alike]
    return with_another(text, found, others, rng=rng)
