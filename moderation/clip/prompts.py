"""Sentences for categories, and the shop categories that come with the app.

A category's vector is the mean of several sentences about it (prompt ensembling, CLIP paper 3.1.4),
because one wording shifts a score by more than the gap between neighbouring categories.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

# The noun alone is how shops title their listings; the rest is how the web describes photos.
TEMPLATES = (
    "{}",
    "a photo of {}",
    "a product photo of {}",
    "{} on a white background",
    "{} for sale in an online shop",
)

# (name, noun that fits the templates)
DEFAULT_CATEGORIES: tuple[tuple[str, str], ...] = (
    ("t-shirts", "a t-shirt"),
    ("shirts", "a buttoned shirt"),
    ("dresses", "a dress"),
    ("jeans", "a pair of jeans"),
    ("trousers", "a pair of trousers"),
    ("shorts", "a pair of shorts"),
    ("skirts", "a skirt"),
    ("jackets", "a jacket"),
    ("coats", "a coat"),
    ("sweaters", "a sweater"),
    ("hoodies", "a hoodie"),
    ("suits", "a suit"),
    ("underwear", "underwear"),
    ("socks", "a pair of socks"),
    ("sneakers", "a pair of sneakers"),
    ("boots", "a pair of boots"),
    ("sandals", "a pair of sandals"),
    ("heels", "a pair of high-heeled shoes"),
    ("formal shoes", "a pair of formal leather shoes"),
    ("handbags", "a handbag"),
    ("backpacks", "a backpack"),
    ("wallets", "a wallet"),
    ("belts", "a belt"),
    ("hats", "a hat"),
    ("caps", "a baseball cap"),
    ("scarves", "a scarf"),
    ("gloves", "a pair of gloves"),
    ("ties", "a necktie"),
    ("sunglasses", "a pair of sunglasses"),
    ("watches", "a wristwatch"),
    ("jewellery", "a piece of jewellery"),
    ("mugs", "a mug"),
    ("bottles", "a bottle"),
    ("kitchenware", "kitchenware"),
    ("lamps", "a lamp"),
    ("furniture", "a piece of furniture"),
    ("electronics", "an electronic device"),
    ("phones", "a mobile phone"),
    ("laptops", "a laptop computer"),
    ("headphones", "a pair of headphones"),
    ("cameras", "a camera"),
    ("books", "a book"),
    ("toys", "a toy"),
    ("cosmetics", "a cosmetic product"),
    ("perfumes", "a bottle of perfume"),
    ("fruit", "fresh fruit"),
    ("vegetables", "fresh vegetables"),
    ("drinks", "a carton of juice or milk"),
    ("food packages", "a package of food"),
    ("umbrellas", "an umbrella"),
)

EncodeTexts = Callable[[Sequence[str]], np.ndarray]


def category_prompts(noun: str) -> list[str]:
    """All sentences for one category; a noun with braces in it is taken as it is."""
    return [template.replace("{}", noun.strip()) for template in TEMPLATES]


def category_vectors(encode_texts: EncodeTexts, nouns: Sequence[str]) -> np.ndarray:
    """Unit vectors [c, d]: for each noun the mean of its sentences' vectors, made unit length.

    `encode_texts` gives unit vectors [n, d]; it is called once, with all sentences.
    """
    sentences = [sentence for noun in nouns for sentence in category_prompts(noun)]
    vectors = np.asarray(encode_texts(sentences), dtype=np.float32)
    means = vectors.reshape(len(nouns), len(TEMPLATES), vectors.shape[-1]).mean(axis=1)
    return means / np.linalg.norm(means, axis=1, keepdims=True)
