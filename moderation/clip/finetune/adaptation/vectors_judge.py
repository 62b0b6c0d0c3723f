"""How far the matrices of adapt_vectors.py go: judged by what was held back from them.

What speaks for going further are held-back listings and decisions, what speaks against it is
forgetting: pairs to replay, where there are some, which were not learnt from either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from moderation.clip.data import grouping
from moderation.clip.data.product_rows import normalised
from moderation.clip.finetune.adaptation.judge import chosen_ratio
from moderation.clip.finetune.data import LabelledPairs, Listings
from moderation.clip.finetune.features import Vectors, opens
from moderation.clip.finetune.maps import cosines, part_way
from moderation.clip.statistics.metrics import average_precision, roc_auc

if TYPE_CHECKING:
    import torch

RATIOS = tuple(number / 10 for number in range(11))
_REPLAYED = 2000  # pairs that tell what was forgotten, at most


def held_back(
    listings: Listings, *, share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the listings to judge by, at most this share, and of those to learn from.

    Listings of one title or picture stay together: else what was learnt by heart would judge.
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


def judgements(
    maps: Mapping[str, torch.Tensor],
    held: Listings,
    validation: LabelledPairs,
    source: Vectors,
    *,
    rng: np.random.Generator,
) -> dict[float, float]:
    """The judgement of each ratio: the mean of the average precision of held-back listings against
    shuffled texts and of that of the validation part."""
    made = _Shuffled(held, source, rng=rng) if len(held) > 1 else None
    decided = (source.images(validation.images), source.texts(validation.texts))
    judged = {}
    for ratio in RATIOS:
        turned = part_way(maps, ratio)
        found = []
        if made is not None and made.both:
            found.append(average_precision(*made.scored(turned)))
        if len(set(validation.labels.tolist())) == 2:
            found.append(average_precision(validation.labels, cosines(turned, *decided)))
        judged[ratio] = float(np.mean(found)) if found else 0.0
    return judged


def replayed_aucs(
    maps: Mapping[str, torch.Tensor],
    replay: Listings | None,
    source: Vectors,
    *,
    seed: int,
    alive: Callable[[], None],
) -> dict[float, float]:
    """ROC-AUC of each ratio on pairs to replay against their shuffled texts; empty without any."""
    if replay is None:
        return {}
    rng = np.random.default_rng([seed, 1])
    chosen = rng.permutation(len(replay))[:_REPLAYED]
    readable = []
    for row in chosen:
        alive()
        if opens(replay.images[row]):
            readable.append(row)
    made = _Shuffled(replay.take(np.array(readable, dtype=np.int64)), source, rng=rng)
    return {ratio: roc_auc(*made.scored(part_way(maps, ratio))) for ratio in RATIOS if made.both}


def farthest_allowed(judged: Mapping[float, float], replayed: Mapping[float, float]) -> float:
    """The best judged ratio of those that forget little; the smaller of two that are as good."""
    found = {ratio: {"judged": value} for ratio, value in judged.items()}
    for ratio, auc in replayed.items():
        found[ratio]["replayed"] = auc
    return chosen_ratio(found)


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
