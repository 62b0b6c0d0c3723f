"""Drawn products for training and for the demo, from families that never mix.

A family is a (kind, colour) pair. Of each kind's colours a quarter, chosen once by a hash, is held
out: the demo draws only held-out families and training never sees them. A fruit that comes in a
single colour (orange, lemon) is trained on and so never shown in the demo.
"""

import hashlib
from dataclasses import dataclass

from PIL import Image

from .kinds import KINDS, draw, generator
from .texts import describe

HELD_OUT_SHARE = 0.25
Family = tuple[str, str]


@dataclass(frozen=True)
class DrawnProduct:
    """One product of a drawn catalogue: its listing, and what is needed to draw its picture."""

    product_id: str
    kind: str
    colour: str
    seed: int
    text: str
    category: str

    def image(self, size: int = 384) -> Image.Image:
        """The picture, RGB, `size` pixels wide."""
        return draw(self.kind, colour=self.colour, seed=self.seed, size=size)


def _rank(family: Family) -> str:
    return hashlib.sha256("|".join(family).encode()).hexdigest()


def held_out_families() -> tuple[Family, ...]:
    """The families no model is trained on."""
    held: list[Family] = []
    for kind in KINDS.values():
        families = sorted(((kind.name, colour) for colour in kind.colours), key=_rank)
        if len(families) > 1:
            held += families[: max(1, round(len(families) * HELD_OUT_SHARE))]
    return tuple(sorted(held))


def training_families() -> tuple[Family, ...]:
    """All other families."""
    held = set(held_out_families())
    return tuple(
        (kind.name, colour)
        for kind in KINDS.values()
        for colour in kind.colours
        if (kind.name, colour) not in held
    )


def training_products(count: int, *, seed: int) -> list[DrawnProduct]:
    """`count` products of the training families, every kind equally often."""
    return _products("train", training_families(), count, seed)


def demo_products(count: int, *, seed: int) -> list[DrawnProduct]:
    """`count` products of the held-out families, every kind equally often."""
    return _products("demo", held_out_families(), count, seed)


def _products(name: str, families: tuple[Family, ...], count: int, seed: int) -> list[DrawnProduct]:
    rng = generator(name, seed)
    colours: dict[str, list[str]] = {}
    for kind, colour in families:
        colours.setdefault(kind, []).append(colour)
    kinds = list(colours)
    for choices in colours.values():
        rng.shuffle(choices)
    products: list[DrawnProduct] = []
    while len(products) < count:
        for index in rng.permutation(len(kinds))[: count - len(products)]:
            kind = kinds[int(index)]
            # Turn by turn, so that a small catalogue shows as many colours as it can.
            colours[kind].append(colours[kind].pop(0))
            products.append(
                _product(
                    f"{name}-{len(products) + 1:05d}",
                    (kind, colours[kind][-1]),
                    int(rng.integers(2**31)),
                )
            )
    return products


def _product(product_id: str, family: Family, seed: int) -> DrawnProduct:
    kind, colour = family
    return DrawnProduct(
        product_id=product_id,
        kind=kind,
        colour=colour,
        seed=seed,
        text=describe(kind, colour=colour, seed=seed),
        category=KINDS[kind].category,
    )
