"""Drawn products for training and for the demo: no picture is in both.

A family is a (kind, colour) pair. One in ten, chosen once by a hash, is held out of training, so
that what was learnt of kinds and of colours can be told from what was learnt of their pairs. The
demo draws all families.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from PIL import Image

from .kinds import KINDS, draw, generator
from .texts import describe

HELD_OUT_SHARE = 0.1
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

    def again(self) -> DrawnProduct:
        """Another product of the same kind and colour."""
        return _product(f"{self.product_id}-2", (self.kind, self.colour), self.seed + 1)

    def image(self, size: int = 384) -> Image.Image:
        """The picture, RGB, `size` pixels wide."""
        return draw(self.kind, colour=self.colour, seed=self.seed, size=size)


def all_families() -> tuple[Family, ...]:
    """Every kind in every colour that it comes in."""
    return tuple((kind.name, colour) for kind in KINDS.values() for colour in kind.colours)


def held_out_families() -> tuple[Family, ...]:
    """The families no model is trained on. A kind of a single colour is never held out."""
    families = [family for family in all_families() if len(KINDS[family[0]].colours) > 1]
    return tuple(sorted(sorted(families, key=_rank)[: round(HELD_OUT_SHARE * len(families))]))


def training_families() -> tuple[Family, ...]:
    """All other families."""
    held = set(held_out_families())
    return tuple(family for family in all_families() if family not in held)


def _rank(family: Family) -> str:
    return hashlib.sha256("|".join(family).encode()).hexdigest()


def training_products(count: int, *, seed: int) -> list[DrawnProduct]:
    """`count` products of the training families, every kind equally often."""
    return _products("train", training_families(), count, seed)


def demo_products(count: int, *, seed: int) -> list[DrawnProduct]:
    """`count` products of all families, every kind equally often; their pictures are new."""
    return _products("demo", all_families(), count, seed)


def held_out_products(count: int, *, seed: int, families: tuple[Family, ...]) -> list[DrawnProduct]:
    """`count` products of these families to measure on: neither trained on nor in the demo."""
    return _products("held out", families, count, seed)


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
