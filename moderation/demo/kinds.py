"""The kinds of product that can be drawn, and `draw`."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .canvas import Canvas
from .colours import COLOURS, RGB, shade_of
from .drawings.apple import apple
from .drawings.backpack import backpack
from .drawings.banana import banana
from .drawings.belt import belt
from .drawings.boot import boot
from .drawings.bottle import bottle
from .drawings.bowl import bowl
from .drawings.cap import cap
from .drawings.chair import chair
from .drawings.citrus import lemon, orange
from .drawings.dress import dress
from .drawings.handbag import handbag
from .drawings.high_heel import high_heel
from .drawings.hoodie import hoodie
from .drawings.jacket import jacket
from .drawings.jeans import jeans
from .drawings.lamp import lamp
from .drawings.mug import mug
from .drawings.pear import pear
from .drawings.sandal import sandal
from .drawings.scarf import scarf
from .drawings.shirt import shirt
from .drawings.shorts import shorts
from .drawings.skirt import skirt
from .drawings.sneaker import sneaker
from .drawings.socks import socks
from .drawings.suitcase import suitcase
from .drawings.sunglasses import sunglasses
from .drawings.teapot import teapot
from .drawings.tie import tie
from .drawings.tshirt import tshirt
from .drawings.umbrella import umbrella
from .drawings.wallet import wallet
from .drawings.watch import watch
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
    ("banana", "red"): (0.60, 0.21, 0.18),
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
    Kind("t-shirt", "T-shirts", "clothes", tshirt, patterned=0.35),
    Kind("shirt", "Shirts", "clothes", shirt, portrait=True, patterned=0.5),
    Kind("dress", "Dresses", "clothes", dress, portrait=True, patterned=0.4),
    Kind("skirt", "Skirts", "clothes", skirt, patterned=0.35),
    Kind("jeans", "Jeans", "clothes", jeans, DENIM, portrait=True),
    Kind("shorts", "Shorts", "clothes", shorts, patterned=0.3),
    Kind("hoodie", "Hoodies", "clothes", hoodie, portrait=True, patterned=0.1),
    Kind("jacket", "Jackets", "clothes", jacket, portrait=True),
    Kind("socks", "Socks", "clothes", socks, patterned=0.5, tilt=6),
    Kind("sneaker", "Sneakers", "shoes", sneaker, tilt=1.5),
    Kind("boot", "Boots", "shoes", boot, LEATHER, tilt=1.5),
    Kind("sandal", "Flip flops", "shoes", sandal, patterned=0.25, tilt=10),
    Kind("high heel", "High heels", "shoes", high_heel, tilt=1.5),
    Kind("handbag", "Handbags", "bags", handbag, patterned=0.15, tilt=1.0),
    Kind("backpack", "Backpacks", "bags", backpack, portrait=True, patterned=0.2, tilt=1.5),
    Kind("wallet", "Wallets", "bags", wallet, LEATHER, patterned=0.1, tilt=12),
    Kind("suitcase", "Suitcases", "bags", suitcase, portrait=True, tilt=1.0),
    Kind("belt", "Belts", "accessories", belt, LEATHER, tilt=2),
    Kind("cap", "Caps", "accessories", cap, patterned=0.1, tilt=4),
    Kind("scarf", "Scarves", "accessories", scarf, portrait=True, patterned=0.5),
    Kind("tie", "Ties", "accessories", tie, portrait=True, patterned=0.6, tilt=4),
    Kind("sunglasses", "Sunglasses", "accessories", sunglasses, tilt=4),
    Kind("watch", "Watches", "accessories", watch, LEATHER, tilt=14),
    Kind(
        "umbrella",
        "Umbrellas",
        "accessories",
        umbrella,
        portrait=True,
        patterned=0.3,
        tilt=12,
    ),
    Kind("mug", "Mugs", "home", mug, patterned=0.3, tilt=0.5),
    Kind("bottle", "Bottles", "home", bottle, portrait=True, patterned=0.15, tilt=0.5),
    Kind("teapot", "Teapots", "home", teapot, patterned=0.25, tilt=0.5),
    Kind("bowl", "Bowls", "home", bowl, patterned=0.3, tilt=0.5),
    Kind("lamp", "Lamps", "home", lamp, portrait=True, patterned=0.2, tilt=0.3),
    Kind("chair", "Chairs", "home", chair, portrait=True, patterned=0.2, tilt=0.5),
    Kind("apple", "Apples", "fruit", apple, _fruit_colours("apple"), tilt=8),
    Kind("banana", "Bananas", "fruit", banana, _fruit_colours("banana"), tilt=8),
    Kind("orange", "Oranges", "fruit", orange, _fruit_colours("orange"), tilt=3),
    Kind("pear", "Pears", "fruit", pear, _fruit_colours("pear"), tilt=6),
    Kind("lemon", "Lemons", "fruit", lemon, _fruit_colours("lemon"), tilt=10),
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
