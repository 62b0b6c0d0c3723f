"""Drawn products: pictures and shop titles for the demo and for training. PIL and numpy only."""

from .catalogue import MISMATCHES, Planted, write_catalogue
from .colours import COLOURS
from .kinds import KINDS, Kind, draw
from .products import (
    DrawnProduct,
    demo_products,
    held_out_families,
    held_out_products,
    training_families,
    training_products,
)
from .texts import describe

__all__ = [
    "COLOURS",
    "KINDS",
    "MISMATCHES",
    "DrawnProduct",
    "Kind",
    "Planted",
    "demo_products",
    "describe",
    "draw",
    "held_out_families",
    "held_out_products",
    "training_families",
    "training_products",
    "write_catalogue",
]
