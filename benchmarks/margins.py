"""The margins of a model's explanations, measured on real photos and on drawn products.

    python -m benchmarks.margins ../shared/catalogue --write

What is right on both sorts may be said. The real ones are true pairs of val_pairs.csv whose article
type is one of the categories that come with clipmod, of the half that `benchmarks/explain.py` calls
"chosen". `--write` puts the margins into the model folder's clipmod.json, from where a registered
version takes them; without them the worker measures on drawn products alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import django
import numpy as np

from moderation.clip.checkpoints.checkpoint import ABOUT_NAME
from moderation.clip.explanation.margins import Margins
from moderation.clip.explanation.measure import KnownListings, measure
from moderation.clip.prompts import DEFAULT_CATEGORIES

from . import shop_vectors
from .text_rules import read

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clipmod.settings")
django.setup()

from moderation.services.encoding.margins import drawn_listings  # noqa: E402
from moderation.services.registry.registering import MARGINS  # noqa: E402

# Article types of the catalogue that are one of the categories that come with the app.
CATEGORY_OF = {
    name: name
    for name in (
        *("Shirts", "Dresses", "Jeans", "Trousers", "Shorts", "Skirts", "Jackets", "Sweaters"),
        *("Socks", "Sandals", "Heels", "Handbags", "Backpacks", "Wallets", "Belts", "Caps"),
        *("Scarves", "Ties", "Sunglasses", "Watches"),
    )
} | {
    "Tshirts": "T-shirts",
    "T-Shirt": "T-shirts",
    "Shirt": "Shirts",
    "Dress": "Dresses",
    "Pants": "Trousers",
    "Skirt": "Skirts",
    "Hoodie": "Hoodies",
    "Hat": "Hats",
    "Sports Shoes": "Sneakers",
    "Casual Shoes": "Sneakers",
    "Formal Shoes": "Formal shoes",
    "Briefs": "Underwear",
    "Perfume and Body Mist": "Perfumes",
}
MOST = 400  # real listings


def main() -> None:
    from moderation.clip.encoder import Encoder

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("--model", type=Path, default=shop_vectors.BUNDLED, help="a model folder")
    parser.add_argument("--write", action="store_true", help="into the folder's clipmod.json")
    options = parser.parse_args()
    found = of_model(Encoder.load(options.model), catalogue=options.catalogue)
    if options.write:
        write(found, options.model / ABOUT_NAME)
    print(json.dumps(found.as_json(), indent=2))


def of_model(encoder: Any, *, catalogue: Path) -> Margins:
    """What this model may say of real photos and of drawn ones."""
    how = {"encode_texts": encoder.encode_texts, "logit_scale": encoder.logit_scale}
    drawn = measure(drawn_listings(encoder), **how)
    return drawn.stricter(measure(real_listings(catalogue, encoder), **how))


def real_listings(catalogue: Path, encoder: Any) -> KnownListings:
    """True pairs of real photos, evenly spaced."""
    nouns = dict(DEFAULT_CATEGORIES)
    kinds = {row["image_path"]: row["category"] for row in read(catalogue / "val.csv")}
    rows = [
        row
        for row in read(catalogue / "val_pairs.csv")
        if row["kind"] == "match"
        and half_of(row["text"]) == "chosen"
        and kinds.get(row["image_path"]) in CATEGORY_OF
    ]
    rows = rows[:: -(-len(rows) // MOST)]
    images = encoder.encode_files([catalogue / row["image_path"] for row in rows])
    return KnownListings(
        np.stack(images),
        [row["text"] for row in rows],
        [nouns[CATEGORY_OF[kinds[row["image_path"]]]] for row in rows],
        [noun for _, noun in DEFAULT_CATEGORIES],
    )


def half_of(title: str) -> str:
    """The margins are measured on the half "chosen", their worth on the "unseen" one."""
    return "unseen" if hashlib.sha256(title.lower().encode()).digest()[0] % 2 else "chosen"


def write(margins: Margins, about: Path) -> None:
    """Put the margins into a model folder's clipmod.json; the rest of it stays."""
    said = json.loads(about.read_text(encoding="utf-8")) if about.is_file() else {}
    said[MARGINS] = margins.as_json()
    about.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
