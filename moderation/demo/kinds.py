"""The kinds of product that can be drawn, and `draw`."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from . import accessories, bags, clothes, fruit, home, shoes
from .canvas import Canvas
from .colours import COLOURS, RGB, shade_of
from .looks import PATTERNS, Look, second_colour
from .studio import photograph

DENIM = ("blue", "navy", "black", "grey", "white", "beige", "brown", "green", "red", "pink")
LEATHER = ("black", "brown", "beige", "red", "navy", "white", "green", "pink", "grey", "blue")

# Natural colours are not the colours of paint: a "green" apple is yellow green.
NATURAL: dict[tuple[str, str], RGB] = {
    ("apple", "red"): (0.76, 0.11, 0.12),
    ("apple", "green"): (0.55, 0.73, 0.20),
    ("apple", "yellow"): (0.94, 0.80, 0.30),
    ("pear", "green"): (0.62, 0.74, 0.26),
    ("pear", "yellow"): (0.92, 0.80, 0.32),
    ("pear", "red"): (0.66, 0.17, 0.15),
    ("banana", "yellow"): (0.97, 0.83, 0.22),
    ("banana", "green"): (0.60, 0.75, 0.24),
    ("orange", "orange"): (0.96, 0.55, 0.10),
    ("lemon", "yellow"): (0.98, 0.87, 0.22),
}


@dataclass(frozen=True)
class Kind:
    """How one kind of product is drawn and filed. `patterned` is the share with a pattern."""

    name: str
    category: str
    group: str
    paint: Callable[[Canvas, Look], None]
    colours: tuple[str, ...] = COLOURS
    portrait: bool = False
    patterned: float = 0.0
    tilt: float = 3.0


def _fruit_colours(name: str) -> tuple[str, ...]:
    return tuple(colour for kind, colour in NATURAL if kind == name)


_ALL = (
    Kind("t-shirt", "T-shirts", "clothes", clothes.tshirt, patterned=0.35),
    Kind("shirt", "Shirts", "clothes", clothes.shirt, portrait=True, patterned=0.5),
    Kind("dress", "Dresses", "clothes", clothes.dress, portrait=True, patterned=0.4),
    Kind("skirt", "Skirts", "clothes", clothes.skirt, patterned=0.35),
    Kind("jeans", "Jeans", "clothes", clothes.jeans, DENIM, portrait=True),
    Kind("shorts", "Shorts", "clothes", clothes.shorts, patterned=0.3),
    Kind("hoodie", "Hoodies", "clothes", clothes.hoodie, portrait=True, patterned=0.1),
    Kind("jacket", "Jackets", "clothes", clothes.jacket, portrait=True),
    Kind("socks", "Socks", "clothes", clothes.socks, patterned=0.5, tilt=6),
    Kind("sneaker", "Sneakers", "shoes", shoes.sneaker, tilt=1.5),
    Kind("boot", "Boots", "shoes", shoes.boot, LEATHER, tilt=1.5),
    Kind("sandal", "Flip flops", "shoes", shoes.sandal, patterned=0.25, tilt=10),
    Kind("high heel", "High heels", "shoes", shoes.high_heel, tilt=1.5),
    Kind("handbag", "Handbags", "bags", bags.handbag, patterned=0.15, tilt=1.0),
    Kind("backpack", "Backpacks", "bags", bags.backpack, portrait=True, patterned=0.2, tilt=1.5),
    Kind("wallet", "Wallets", "bags", bags.wallet, LEATHER, patterned=0.1, tilt=12),
    Kind("suitcase", "Suitcases", "bags", bags.suitcase, portrait=True, tilt=1.0),
    Kind("belt", "Belts", "accessories", accessories.belt, LEATHER, tilt=2),
    Kind("cap", "Caps", "accessories", accessories.cap, patterned=0.1, tilt=4),
    Kind("scarf", "Scarves", "accessories", accessories.scarf, portrait=True, patterned=0.5),
    Kind("tie", "Ties", "accessories", accessories.tie, portrait=True, patterned=0.6, tilt=4),
    Kind("sunglasses", "Sunglasses", "accessories", accessories.sunglasses, tilt=4),
    Kind("watch", "Watches", "accessories", accessories.watch, LEATHER, tilt=14),
    Kind(
        "umbrella",
        "Umbrellas",
        "accessories",
        accessories.umbrella,
        portrait=True,
        patterned=0.3,
        tilt=12,
    ),
    Kind("mug", "Mugs", "home", home.mug, patterned=0.3, tilt=0.5),
    Kind("bottle", "Bottles", "home", home.bottle, portrait=True, patterned=0.15, tilt=0.5),
    Kind("teapot", "Teapots", "home", home.teapot, patterned=0.25, tilt=0.5),
    Kind("bowl", "Bowls", "home", home.bowl, patterned=0.3, tilt=0.5),
    Kind("lamp", "Lamps", "home", home.lamp, portrait=True, patterned=0.2, tilt=0.3),
    Kind("chair", "Chairs", "home", home.chair, portrait=True, patterned=0.2, tilt=0.5),
    Kind("apple", "Apples", "fruit", fruit.apple, _fruit_colours("apple"), tilt=8),
    Kind("banana", "Bananas", "fruit", fruit.banana, _fruit_colours("banana"), tilt=8),
    Kind("orange", "Oranges", "fruit", fruit.orange, _fruit_colours("orange"), tilt=3),
    Kind("pear", "Pears", "fruit", fruit.pear, _fruit_colours("pear"), tilt=6),
    Kind("lemon", "Lemons", "fruit", fruit.lemon, _fruit_colours("lemon"), tilt=10),
)
KINDS: dict[str, Kind] = {kind.name: kind for kind in _ALL}
FLIPPED = frozenset({"sneaker", "boot", "high heel", "cap", "mug", "teapot", "banana", "lemon"})


def generator(*parts: object) -> np.random.Generator:
    """A random generator that depends on the parts alone, on every machine."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def pattern_of(kind: str, *, colour: str, seed: int) -> str:
    """The pattern `draw` gives this product, for its text."""
    rng = generator("pattern", kind, colour, seed)
    if rng.random() >= KINDS[kind].patterned:
        return "plain"
    return PATTERNS[1 + int(rng.integers(3))]


def draw(kind: str, *, colour: str, seed: int, size: int = 384) -> Image.Image:
    """Draw one product: RGB, `size` pixels wide, square or 4:5 upright.

    Raises KeyError for an unknown kind, ValueError for a colour the kind does not come in.
    """
    spec = KINDS[kind]
    if colour not in spec.colours:
        raise ValueError(f"A {kind} is not drawn in {colour}; choose one of {spec.colours}.")
    rng = generator("draw", kind, colour, seed)
    base = NATURAL.get((kind, colour)) if spec.group == "fruit" else None
    base = base or shade_of(colour, rng)
    look = Look(
        base=base,
        second=second_colour(base, rng),
        pattern=pattern_of(kind, colour=colour, seed=seed),
        rng=rng,
    )
    canvas = Canvas(
        size,
        rng=rng,
        portrait=spec.portrait,
        tilt=float(rng.normal(0, spec.tilt / 2)),
        scale=float(rng.uniform(0.97, 1.07) if spec.portrait else rng.uniform(0.88, 0.98)),
        flip=kind in FLIPPED and rng.random() < 0.5,
    )
    spec.paint(canvas, look)
    return photograph(canvas, colour=base)
