"""How far the matrices of vectors.py go: judged by the holdout.

What speaks for going further are held-out listings and decisions, what speaks against it is
forgetting: pairs to replay, where there are some, which were not learnt from either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.data import grouping
from moderation.clip.data.product_rows import normalised
from moderation.clip.finetune.adaptation.evidence import MADE_UP, Evidence, judged
from moderation.clip.finetune.adaptation.judge import Figures
from moderation.clip.finetune.data import FinetuneData, Listings
from moderation.clip.finetune.features import Vectors, opens
from moderation.clip.finetune.maps import cosines, part_way
from moderation.clip.statistics.metrics import roc_auc

if TYPE_CHECKING:
    import torch

RATIOS = tuple(number / 10 for number in range(11))
_REPLAYED = 2000  # pairs that tell what was forgotten, at most


def hold_out(
    listings: Listings, *, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the listings to judge by, at most this share, and of those to learn from.

    Listings of one title or picture stay together: else what was memorised would judge.
    """
    first = grouping.groups(
        images=[str(path) for path in listings.images], signatures=None, titles=listings.texts
    )
    families: dict[int, list[int]] = {}
    for row, leader in enumerate(first):
        families.setdefault(leader, []).append(row)
    members, wanted = list(families.values()), int(share * len(listings))
    held: list[int] = []
    rest: list[int] = []
    for family in rng.permutation(len(members)):
        rows = members[family]
        (held if len(held) + len(rows) <= wanted else rest).extend(rows)
    return np.array(held, dtype=np.int64), np.array(rest, dtype=np.int64)


def figures_by_ratio(
    maps: Mapping[str, torch.Tensor],
    held: Listings,
    data: FinetuneData,
    source: Vectors,
    *,
    seed: int,
    rng: np.random.Generator,
    alive: Callable[[], None],
) -> dict[float, Figures]:
    """What each ratio is judged by: average precision of held-out listings against shuffled texts
    and of the validation part together, and ROC-AUC on pairs to replay against their shuffled
    texts, where there are some. `alive` is called while their pictures are opened."""
    made = _Shuffled(held, source, rng=rng) if len(held) > 1 else None
    replay = None if data.replay is None else _replayed(data.replay, source, seed=seed, alive=alive)
    part = data.validation
    pair = (source.images(part.images), source.texts(part.texts))
    turned = {ratio: part_way(maps, ratio) for ratio in RATIOS}
    evidence = [
        Evidence(part.labels, {ratio: cosines(one, *pair) for ratio, one in turned.items()})
    ]
    if made is not None and made.both:
        scored = {ratio: made.scored(one) for ratio, one in turned.items()}
        labels = scored[RATIOS[0]][0]
        found = {ratio: scores for ratio, (_labels, scores) in scored.items()}
        evidence.append(Evidence(labels, found, MADE_UP))
    figures = {
        ratio: {"judged": value}
        for ratio, value in judged(evidence, ratios=RATIOS, seed=seed).items()
    }
    if replay is not None and replay.both:
        for ratio, one in turned.items():
            figures[ratio]["replayed"] = roc_auc(*replay.scored(one))
    return figures


def _replayed(
    replay: Listings, source: Vectors, *, seed: int, alive: Callable[[], None]
) -> _Shuffled:
    """Some of the pairs to replay whose pictures can be opened."""
    rng = np.random.default_rng([seed, 1])
    readable = []
    for row in rng.permutation(len(replay))[:_REPLAYED]:
        alive()
        if opens(replay.images[row]):
            readable.append(row)
    return _Shuffled(replay.take(np.array(readable, dtype=np.int64)), source, rng=rng)


class _Shuffled:
    """True pairs, and their pictures with the texts of others; `both` where there are such texts.

    A text that happens to say the same again is no mismatch.
    """

    def __init__(self, pairs: Listings, source: Vectors, *, rng: np.random.Generator) -> None:
        self.image, self.text = source.images(pairs.images), source.texts(pairs.texts)  # [n, d]
        titles = np.array([normalised(text) for text in pairs.texts])
        other = rng.permutation(len(pairs))
        self.rows = np.flatnonzero(titles != titles[other])  # [w] pictures with a wrong text
        self.other = other[self.rows]
        self.both = len(self.rows) > 0

    def scored(self, maps: Mapping[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """Labels and cosines [n + w] after the maps."""
        own = cosines(maps, self.image, self.text)
        wrong = cosines(maps, self.image[self.rows], self.text[self.other])
        return np.repeat([1, 0], [len(own), len(wrong)]), np.concatenate([own, wrong])
