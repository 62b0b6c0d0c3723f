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
    ("T-shirts", "a t-shirt"),
    ("Shirts", "a buttoned shirt"),
    ("Dresses", "a dress"),
    ("Jeans", "a pair of jeans"),
    ("Trousers", "a pair of trousers"),
    ("Shorts", "a pair of shorts"),
    ("Skirts", "a skirt"),
    ("Jackets", "a jacket"),
    ("Coats", "a coat"),
    ("Sweaters", "a sweater"),
    ("Hoodies", "a hoodie"),
    ("Suits", "a suit"),
    ("Underwear", "underwear"),
    ("Socks", "a pair of socks"),
    ("Sneakers", "a pair of sneakers"),
    ("Boots", "a pair of boots"),
    ("Sandals", "a pair of sandals"),
    ("Heels", "a pair of high-heeled shoes"),
    ("Formal shoes", "a pair of formal leather shoes"),
    ("Handbags", "a handbag"),
    ("Backpacks", "a backpack"),
    ("Wallets", "a wallet"),
    ("Belts", "a belt"),
    ("Hats", "a hat"),
    ("Caps", "a baseball cap"),
    ("Scarves", "a scarf"),
    ("Gloves", "a pair of gloves"),
    ("Ties", "a necktie"),
    ("Sunglasses", "a pair of sunglasses"),
    ("Watches", "a wristwatch"),
    ("Jewellery", "a piece of jewellery"),
    ("Mugs", "a mug"),
    ("Bottles", "a bottle"),
    ("Kitchenware", "kitchenware"),
    ("Lamps", "a lamp"),
    ("Furniture", "a piece of furniture"),
    ("Electronics", "an electronic device"),
    ("Phones", "a mobile phone"),
    ("Laptops", "a laptop computer"),
    ("Headphones", "a pair of headphones"),
    ("Cameras", "a camera"),
    ("Books", "a book"),
    ("Toys", "a toy"),
    ("Cosmetics", "a cosmetic product"),
    ("Perfumes", "a bottle of perfume"),
    ("Fruit", "fresh fruit"),
    ("Vegetables", "fresh vegetables"),
    ("Drinks", "a carton of juice or milk"),
    ("Food packages", "a package of food"),
    ("Umbrellas", "an umbrella"),
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
