"""The zero-shot guard: a tuned model must still know what things are.

Fine-tuning on one shop's decisions can spoil what the model knew of the rest (Wortsman et al.
2022). The shop's own categories, or without them general ones, are tested before and after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from moderation.clip.data.augment import readable
from moderation.clip.finetune.data import FinetuneData
from moderation.clip.prompts import DEFAULT_CATEGORIES, category_vectors

Encode = Callable[[Sequence[Path], Sequence[str]], tuple[np.ndarray, np.ndarray]]
MOST = 300  # pictures asked about
FEW = 20  # fewer pictures with a category say nothing


class ZeroShot:
    """Pictures and the category of each: the shop's, or what the base takes them for.

    `floor` is the least accuracy that a tuned model may have, `before` the base's own.
    """

    def __init__(self, data: FinetuneData, encode: Encode, *, seed: int) -> None:
        images, categories = _known(data, seed=seed)
        if len(set(categories)) >= 2 and len(images) >= FEW:
            self.images = images
            self.nouns = sorted(set(categories))
            self.truth = np.array([self.nouns.index(category) for category in categories])
            self.about = "accuracy on the shop's categories"
            self.before = self.accuracy(encode)
            self.floor = self.before - 0.05
        else:
            matches = np.flatnonzero(data.train.labels == 1)[:MOST]
            self.images = [data.train.images[row] for row in matches]
            self.nouns = [noun for _name, noun in DEFAULT_CATEGORIES]
            self.truth = self._predicted(encode)
            self.about = "agreement with the base on general categories"
            self.before, self.floor = 1.0, 0.7

    def accuracy(self, encode: Encode) -> float:
        """The share of pictures whose nearest category is the true one."""
        return float((self._predicted(encode) == self.truth).mean())

    def _predicted(self, encode: Encode) -> np.ndarray:
        pictures, _none = encode(self.images, ())
        categories = category_vectors(lambda texts: encode((), texts)[1], self.nouns)  # [c, d]
        return (pictures @ categories.T).argmax(axis=1)  # [n]


def _known(data: FinetuneData, *, seed: int) -> tuple[list[Path], list[str]]:
    """At most 300 pictures with their category, out of decided matches and listings."""
    part = data.train
    known = [(part.images[i], part.categories[i]) for i in np.flatnonzero(part.labels == 1)]
    if data.listings is not None:
        known += list(zip(data.listings.images, data.listings.categories, strict=True))
    known = [(path, readable(category)) for path, category in known if category]
    chosen = np.random.default_rng(seed).permutation(len(known))[:MOST]
    return [known[i][0] for i in chosen], [known[i][1] for i in chosen]
