"""Words of a listing that a photo can speak for or against: colours, kinds of product, the rest."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from moderation.clip.data.augment import COLOURS

Kind = Literal["colour", "type", ""]

# Those of `augment.COLOURS` that stand in at least 30 of the training titles: of rarer ones the
# bundled model knows too little to judge them. "multi" and "coffee" are excluded: the one is no
# colour, the other more often a drink.
PALETTE: tuple[str, ...] = (
    "black", "white", "blue", "navy blue", "red", "green", "yellow", "pink", "purple", "grey",
    "brown", "beige", "orange", "maroon", "olive", "khaki", "silver", "gold", "cream", "peach",
    "charcoal", "tan", "lavender", "magenta", "turquoise", "copper", "teal", "mustard",
    "off white", "lime", "indigo",
)  # fmt: skip
_SAME_COLOUR = {"gray": "grey", "golden": "gold", "navy": "navy blue"}

# Kinds of product, each with the words that mean it; the first stands in prompts. In the singular,
# where a plural in -s exists. Words with a second meaning in titles ("top", "track") are excluded.
TYPES: tuple[tuple[str, ...], ...] = (
    ("t-shirt", "tshirt", "tee"), ("shirt",), ("polo",), ("blouse", "camisole"),
    ("kurta", "kurti", "tunic"), ("dress", "gown"), ("skirt",), ("jeans", "jean"),
    ("trousers", "trouser", "pants", "pant", "chinos", "leggings", "capris"), ("shorts",),
    ("jacket", "coat", "parka"), ("blazer", "suit", "waistcoat"),
    ("sweater", "pullover", "cardigan", "jumper"), ("sweatshirt", "hoodie"),
    ("briefs", "brief", "boxer", "trunks", "underwear"), ("bra", "bikini"), ("vest", "undershirt"),
    ("socks", "sock", "stocking"), ("shoes", "shoe", "sneaker", "trainers", "loafer"),
    ("boots", "boot"), ("sandals", "sandal"), ("heels", "heel", "pumps"),
    ("slippers", "slipper", "flip flops", "flip flop"), ("handbag", "purse", "clutch"),
    ("backpack", "rucksack"), ("wallet",), ("belt",), ("hat",), ("scarf", "stole", "dupatta"),
    ("gloves", "glove"), ("tie", "necktie"), ("sunglasses", "eyewear"), ("watch", "wristwatch"),
    ("earrings", "earring"), ("necklace", "pendant"), ("ring",), ("bracelet", "bangle"),
    ("perfume", "deodorant", "fragrance"), ("lipstick",), ("mug", "cup"), ("lamp",), ("chair",),
    ("sofa", "couch"), ("table",), ("phone", "smartphone"), ("laptop", "notebook"),
    ("headphones", "headphone", "earphones"), ("camera",), ("book",), ("toy",), ("umbrella",),
    ("juice",), ("milk",), ("yoghurt", "yogurt"), ("apple",), ("pear",), ("banana",),
    ("melon", "watermelon"), ("grapefruit",), ("lemon",), ("potato",), ("tomato",), ("onion",),
    ("carrot",), ("cucumber",), ("mushroom",), ("cabbage",), ("avocado",), ("kiwi",), ("mango",),
    ("pineapple",),
)  # fmt: skip
_TYPE_OF = {word: number for number, words in enumerate(TYPES) for word in words}

_FUNCTION_WORDS = frozenset(
    {
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "can", "for", "from", "has"),
        *("have", "her", "his", "in", "is", "it", "its", "new", "of", "off", "on", "or", "our"),
        *("pack", "s", "sale", "set", "size", "that", "the", "their", "there", "these", "this"),
        *("to", "used", "very", "with", "x", "you", "your"),
    }
)


def _either(words: list[str] | tuple[str, ...]) -> str:
    ordered = sorted(words, key=len, reverse=True)
    return "|".join(re.escape(word).replace(r"\ ", r"[\s-]+") for word in ordered)


_TERM = re.compile(
    rf"\b(?P<colour>{_either(COLOURS)})\b"
    rf"|\b(?P<type>{_either(tuple(_TYPE_OF))})(?:e?s)?\b"
    r"|(?P<word>[^\W\d_]+(?:['’.-][^\W\d_]+)*)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Term:
    """A word of a text (or two: "navy blue"), with every place where it stands.

    `name` is what it means: a colour of `PALETTE` or the first word of a group of `TYPES`. Colours
    outside the palette are words like any other (`kind` empty).
    """

    spans: tuple[tuple[int, int], ...]
    text: str
    kind: Kind
    name: str


def terms(text: str) -> list[Term]:
    """The content words in their order, each once; the same word said twice is one term.

    Of two kinds side by side the last is the product, the first says which: "table pears".
    """
    found: dict[tuple[Kind, str], list[tuple[int, int]]] = {}
    matches = list(_TERM.finditer(text))
    for match, after in zip(matches, [*matches, None][1:], strict=True):
        key = _meaning(match)
        if key is not None and key[0] == "type" and _goes_with(after, match, text=text):
            key = ("", match[0].lower())
        if key is not None:
            found.setdefault(key, []).append(match.span())
    return [
        Term(tuple(spans), text[slice(*spans[0])], kind, name)
        for (kind, name), spans in found.items()
    ]


def _goes_with(after: re.Match[str] | None, match: re.Match[str], *, text: str) -> bool:
    """Whether the next word is a kind too, with nothing but white space between."""
    return bool(after and after["type"] and not text[match.end() : after.start()].strip())


def _meaning(match: re.Match[str]) -> tuple[Kind, str] | None:
    if match["colour"]:
        name = canonical_colour(match["colour"])
        return ("colour" if name in PALETTE else ""), name
    if match["type"]:
        word = re.sub(r"[\s-]+", " ", match["type"].lower())
        # "t-shirt" keeps its hyphen, "flip-flops" is listed with a space.
        number = _TYPE_OF.get(match["type"].lower(), _TYPE_OF.get(word))
        return None if number is None else ("type", TYPES[number][0])
    word = match["word"].lower()
    return None if word in _FUNCTION_WORDS else ("", word)


def canonical_colour(word: str) -> str:
    """One name for each colour, in lower case: "Navy" and "navy-blue" are "navy blue"."""
    name = re.sub(r"[\s-]+", " ", word.lower())
    return _SAME_COLOUR.get(name, name)


def replaced(text: str, term: Term, *, by: str) -> str:
    """The text with every mention of the term replaced, in the mention's own case."""
    parts, end = [], 0
    for start, stop in term.spans:
        parts += [text[end:start], _cased(by, like=text[start:stop])]
        end = stop
    return "".join([*parts, text[end:]])


def without(text: str, term: Term) -> str:
    """The text without the term, the gap closed; empty where nothing else is said."""
    return " ".join(replaced(text, term, by="").split())


def _cased(word: str, *, like: str) -> str:
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word.title() if like[:1].isupper() else word
