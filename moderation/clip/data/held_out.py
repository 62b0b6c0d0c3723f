"""Held-out true pairs with the mismatches that a model is measured against."""

from __future__ import annotations

import numpy as np

from moderation.clip.data.augment import swap_colour
from moderation.clip.data.negatives import Negatives
from moderation.clip.data.product_rows import Pairs, Rows, squashed


def held_out_pairs(negatives: Negatives, *, seed: int) -> list[tuple[int, str, int, str]]:
    """One match and one mismatch for each row: (row, text, label, kind of the pair).

    The mismatches take turns: another category, another type of the same group, another colour.
    """
    rng = np.random.default_rng(seed)
    rows, pairs = negatives.rows, []
    for row, text in enumerate(rows.texts):
        pairs.append((row, text, 1, "match"))
        swapped = swap_colour(text, colours=negatives.colours, rng=rng)
        near = negatives.other_type(row, rng=rng)
        if row % 3 == 1 and swapped is not None:
            pairs.append((row, swapped, 0, "attribute"))
        elif row % 3 and near is not None:
            pairs.append((row, rows.texts[near], 0, "hard"))
        else:
            far = negatives.other_category(row, rng=rng)
            pairs.append((row, rows.texts[far], 0, "random"))
    return pairs


def made_pairs(rows: Rows, *, seed: int, side: int | None = None) -> Pairs:
    """The rows as true pairs, each with a made mismatch; pictures resized to `side`, if given."""
    made = held_out_pairs(Negatives(rows), seed=seed) if len(rows) else []
    image = np.array([row for row, _text, _label, _kind in made], dtype=np.int64)
    return Pairs(
        pixels=rows.pixels if side is None else _smaller(rows.pixels, side),
        image=image,
        texts=[text for _row, text, _label, _kind in made],
        labels=np.array([label for _row, _text, label, _kind in made]),
        kinds=np.array([kind for _row, _text, _label, kind in made]),
        sources=np.array([rows.sources[row] for row in image]),
    )


def _smaller(pixels: np.ndarray, side: int) -> np.ndarray:
    """Stored pictures [n, s, s, 3] resized to what the model sees, [n, side, side, 3]."""
    from PIL import Image

    return np.stack([squashed(Image.fromarray(picture), side) for picture in pixels])
