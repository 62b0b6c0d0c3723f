"""A new shop, made of one source of the real catalogue that the base model hardly saw.

    python -m benchmarks.new_shop.shop fashion --folder /tmp/new-shop

The base model is pre-trained on all other sources and a tenth of this one; the rest of the source
is the shop's catalogue, in which 5% of the texts are made wrong. What the shop knows of itself is
`shop.csv`; which texts are wrong stands in its column `label`, for simulated moderators only.
Product families (same title or near-identical picture) stay on one side, and no family of
`val.csv`, from which the judging pairs are made, is in either part.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from moderation.clip.data.augment import swap_colour
from moderation.clip.data.catalogue_csv import read_rows, read_table
from moderation.clip.data.negatives import Negatives
from moderation.clip.data.product_rows import (
    Rows,
    families,
    without_families_of,
)

SOURCES = ("fashion", "clothing", "grocery")
KNOWN_SHARE = 0.1  # of the shop's source, seen by the base model
WRONG_SHARE = 0.05  # of the shop's listings have a text that is not theirs
_SIDE = 96
COLUMNS = ("product_id", "image_path", "text", "category", "source", "label", "kind")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", choices=SOURCES)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--catalogue", type=Path, default=Path("../shared/catalogue"))
    options = parser.parse_args()
    divide(options.source, catalogue=options.catalogue, folder=options.folder / options.source)


def divide(source: str, *, catalogue: Path, folder: Path) -> None:
    """Write base.csv (true rows to pre-train on) and shop.csv (the shop, with labels)."""
    table = read_table(catalogue / "train.csv")
    rows = read_rows(catalogue / "train.csv", folder=catalogue, side=_SIDE)
    if len(rows) != len(table):
        raise SystemExit("Some pictures of train.csv cannot be opened; restore the catalogue.")
    kept = _positions(rows, read_rows(catalogue / "val.csv", folder=catalogue, side=_SIDE))
    rows, table = rows.take(kept), [table[position] for position in kept]
    known = np.array([_share(name) < KNOWN_SHARE for name in families(rows)])
    inside = np.array([row["source"] == source for row in table])
    shop = np.flatnonzero(inside & ~known)
    folder.mkdir(parents=True, exist_ok=True)
    base = np.flatnonzero(~inside | known)
    _write(folder / "base.csv", [{**table[i], "label": 1, "kind": "match"} for i in base])
    _write(folder / "shop.csv", corrupted([table[i] for i in shop], rows.take(shop), seed=0))


def corrupted(table: list[dict[str, str]], rows: Rows, *, seed: int) -> Iterable[dict[str, object]]:
    """The shop's listings, one in twenty with another product's text or another colour.

    The kinds take turns: any other category, another category of the same group, another colour.
    """
    rng = np.random.default_rng(seed)
    negatives = Negatives(rows)
    wrong = rng.choice(len(table), size=round(WRONG_SHARE * len(table)), replace=False)
    turn = {int(row): number % 3 for number, row in enumerate(wrong)}
    for row, listing in enumerate(table):
        text, kind = listing["text"], "match"
        if row in turn:
            text, kind = _wrong_text(row, turn[row], negatives=negatives, rng=rng)
        yield {**listing, "text": text, "label": int(kind == "match"), "kind": kind}


def _wrong_text(
    row: int, turn: int, *, negatives: Negatives, rng: np.random.Generator
) -> tuple[str, str]:
    texts = negatives.rows.texts
    if turn == 2:
        swapped = swap_colour(texts[row], colours=negatives.colours, rng=rng)
        if swapped is not None:
            return swapped, "attribute"
    near = negatives.other_type(row, rng=rng)
    if turn and near is not None:
        return texts[near], "hard"
    return texts[negatives.other_category(row, rng=rng)], "random"


def _positions(rows: Rows, val: Rows) -> np.ndarray:
    """Positions of the rows that share no family with `val`."""
    numbered = Rows(
        texts=rows.texts,
        categories=[str(number) for number in range(len(rows))],
        sources=rows.sources,
        pixels=rows.pixels,
        hashes=rows.hashes,
    )
    return np.array([int(n) for n in without_families_of(numbered, val).categories])


def _share(name: str) -> float:
    """A stable number from 0 to 1 for a family."""
    return int.from_bytes(hashlib.sha256(f"new shop {name}".encode()).digest()[:4], "big") / 2**32


def _write(path: Path, rows: Iterable[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
