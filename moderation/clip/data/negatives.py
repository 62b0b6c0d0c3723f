"""Which pairs of a batch are mismatches, and the mismatched texts made for each picture."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip import prompts
from moderation.clip.data.augment import (
    COLOURS,
    TEMPLATES,
    colours_in,
    frequent_colours,
    readable,
    swap_colour,
    vary_text,
)
from moderation.clip.data.product_rows import Rows, normalised

if TYPE_CHECKING:
    import torch

EXTRA_PROMPTS = 64  # categories that a step is asked about beyond those of its pictures
NEAR = 8  # categories of the same source that count as one broad group
_ONE_COLOUR = {"gray": "grey", "golden": "gold", "off": "white", "light": "blue", "sky": "blue"}
_BIT = {
    word: 1 << place
    for place, word in enumerate(
        sorted({_ONE_COLOUR.get(word, word) for colour in COLOURS for word in colour.split()})
    )
}


def colour_bits(text: str) -> int:
    """The colour words of a text as bits; texts may speak of one colour where bits overlap."""
    words = (word for colour in colours_in(text) for word in colour.split())
    bits = 0
    for word in words:
        bits |= _BIT[_ONE_COLOUR.get(word, word)]
    return bits


def colours_agree(bits: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[b, m] bool: the texts share a colour, or one of them names none."""
    shared = (bits[:, None] & others[None]) != 0
    return np.asarray(shared | (bits[:, None] == 0) | (others[None] == 0))


def head_noun(category: str) -> str:
    """A category's last word in the singular: "Casual Shoes" -> "shoe", "T-Shirt" -> "tshirt"."""
    words = re.findall(r"\w+", category.lower().replace("-", ""))
    return words[-1].rstrip("s") if words else ""


def kind_name(category: str, text: str) -> tuple[bool, str]:
    """What names the kind of a row, and those without a category come last: its title.

    Were they one kind, each could be true of all others' pictures, and nothing would be a mismatch.
    """
    return (False, category) if category else (True, normalised(text))


def category_names(category: str) -> tuple[str, ...]:
    """What a category is called: its own name, and the noun that the app's prompts have for it."""
    nouns = {re.sub(r"\W", "", name.lower()): noun for name, noun in prompts.DEFAULT_CATEGORIES}
    noun = nouns.get(re.sub(r"\W", "", category.lower()))
    return (readable(category),) if noun is None else (readable(category), noun)


class Negatives:
    """Mismatched texts by general rules over the categories and colours of the training rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        own = [
            (alone, source, name)
            for source, (alone, name) in zip(
                rows.sources, map(kind_name, rows.categories, rows.texts), strict=True
            )
        ]  # [n]
        names = sorted(set(own))
        place = {name: i for i, name in enumerate(names)}
        self.kind = np.array([place[name] for name in own])  # [n]
        self.named = sum(not alone for alone, _source, _name in names)  # kinds with a category
        sources = sorted(set(rows.sources))
        self.source = np.array([sources.index(source) for _, source, _ in names])  # [kinds]
        nouns = [name if alone else head_noun(name) for alone, _source, name in names]
        numbers = {noun: number for number, noun in enumerate(sorted(set(nouns)))}
        self.noun = np.array([numbers[noun] for noun in nouns])  # [kinds]
        order = np.argsort(self.kind, kind="stable")
        self.members = np.split(order, np.cumsum(np.bincount(self.kind))[:-1])
        self.near = self._near()
        self.colours = frequent_colours(rows.texts, least=max(3, len(rows) // 2000))

    def _near(self) -> list[np.ndarray]:
        """For each kind, the others of its source whose average picture is most like its own.

        A title alone has none: what looks most like one product may well be the same product.
        """
        thumbs = self.rows.pixels[:, ::8, ::8].astype(np.float32)  # [n, s/8, s/8, 3]
        named = self.members[: self.named]
        mean = np.array([thumbs[rows].mean(axis=0).ravel() for rows in named])
        source, near = self.source[: self.named], []
        for k in range(len(mean)):
            others = np.flatnonzero((source == source[k]) & (np.arange(len(mean)) != k))
            distance = ((mean[others] - mean[k]) ** 2).sum(axis=1)
            near.append(others[np.argsort(distance, kind="stable")[:NEAR]])
        return near + [np.zeros(0, np.int64)] * (len(self.members) - self.named)

    def other_type(self, row: int, *, rng: np.random.Generator) -> int | None:
        """A row of another category of the same broad group, common categories more often."""
        near = self.near[self.kind[row]]
        if not len(near):
            return None
        weight = np.sqrt([len(self.members[k]) for k in near])
        members = self.members[rng.choice(near, p=weight / weight.sum())]
        return int(members[rng.integers(len(members))])

    def other_category(self, row: int, *, rng: np.random.Generator) -> int:
        """A row of any other category whose head noun differs."""
        for _try in range(50):
            other = int(rng.integers(len(self.rows)))
            if self.noun[self.kind[other]] != self.noun[self.kind[row]]:
                return other
        return other

    def mismatch(self, row: int, *, rng: np.random.Generator) -> tuple[str, int]:
        """A made mismatch for this row's picture: its text and the kind that the text speaks of."""
        rows = self.rows
        if rng.random() < 0.65:
            text = vary_text(rows.texts[row], category=rows.categories[row], rng=rng)
            swapped = swap_colour(text, colours=self.colours, rng=rng)
            if swapped is not None:
                return swapped, int(self.kind[row])
        other = self.other_type(row, rng=rng)
        if other is None:
            other = self.other_category(row, rng=rng)
        text = vary_text(rows.texts[other], category=rows.categories[other], rng=rng)
        return text, int(self.kind[other])

    def maybe_true(
        self, kinds: np.ndarray, bits: np.ndarray, text_kinds: np.ndarray, text_bits: np.ndarray
    ) -> np.ndarray:
        """[b, m] bool: the text may be true of the picture though it is another product's.

        Same category (or, in another source, same head noun), and no colour speaks against it.
        """
        same_source = self.source[kinds][:, None] == self.source[text_kinds][None]
        same_kind = kinds[:, None] == text_kinds[None]
        same_noun = self.noun[kinds][:, None] == self.noun[text_kinds][None]
        kind = np.where(same_source, same_kind, same_noun)
        return np.asarray(kind & colours_agree(bits, text_bits))


class Prompts:
    """Short texts of every category and every colour, and which of them a picture matches."""

    def __init__(self, negatives: Negatives) -> None:
        rows, named = negatives.rows, negatives.named
        names = [rows.categories[members[0]] for members in negatives.members[:named]]
        # [k], for each named kind how one may call it
        self.categories = [category_names(name) for name in names]
        self.colours = negatives.colours  # [c]
        noun, source = negatives.noun[:named], negatives.source[:named]
        same_noun = noun[:, None] == noun[None]  # [k, k]
        same_source = source[:, None] == source[None]
        # In another source the same noun is as true: "T-Shirt" of one, "Tshirts" of another.
        self.true = np.where(same_source, np.eye(len(names), dtype=bool), same_noun)
        self.bits = np.array([colour_bits(colour) for colour in self.colours], dtype=np.int64)

    def draw(
        self, kinds: np.ndarray, *, rng: np.random.Generator
    ) -> tuple[np.ndarray, list[str], list[str]]:
        """The prompts of one step: chosen kinds [p], their prompts, and those of all colours.

        The kinds at hand and some by chance, all in one randomly chosen wording.
        """
        wordings = (*TEMPLATES, *prompts.TEMPLATES)
        template = wordings[rng.integers(len(wordings))]
        count = len(self.categories)
        chosen = np.union1d(kinds[kinds < count], rng.permutation(count)[:EXTRA_PROMPTS])
        names = [self.categories[kind] for kind in chosen]
        return (
            chosen,
            [template.format(name[rng.integers(len(name))]) for name in names],
            [template.format(f"{colour} product") for colour in self.colours],
        )

    def positives(
        self, kinds: np.ndarray, bits: np.ndarray, *, chosen: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """[b, p] and [b, c] bool: the prompts true of pictures of these kinds and colours.

        No category's prompt is known to be true of a picture without one.
        """
        import torch

        colours = (bits[:, None] & self.bits[None]) != 0
        types, named = np.zeros((len(kinds), len(chosen)), bool), kinds < len(self.categories)
        types[named] = self.true[np.ix_(kinds[named], chosen)]
        return torch.from_numpy(types), torch.from_numpy(colours)
