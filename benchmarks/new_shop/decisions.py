"""Simulated moderators: they decide what the queue hands out, by the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moderation.clip.data.catalogue_csv import read_table
from moderation.clip.data.product_rows import normalised
from moderation.clip.finetune.data import FinetuneData, LabelledPairs, Listings
from moderation.clip.finetune.read import divided

UNCERTAIN, AUDIT = 0.2, 0.1  # shares of the queue, as the settings have them
FLAGGED = 0.08  # of the shop, by the base's scores


@dataclass(frozen=True)
class Shop:
    """A shop's listings; `labels` [n] (1 right, 0 wrong) are the moderators' secret."""

    images: list[Path]
    texts: list[str]
    categories: list[str]
    labels: np.ndarray
    groups: list[str]  # what stays together: a title, or a photo where titles are captions

    @classmethod
    def read(cls, csv: Path, *, catalogue: Path) -> Shop:
        table = read_table(csv)
        titles = [normalised(row["text"]) for row in table]
        captions = len(set(titles)) < len(titles) / 2
        return cls(
            images=[catalogue / row["image_path"] for row in table],
            texts=[row["text"].strip() for row in table],
            categories=[row["category"] for row in table],
            labels=np.array([int(row["label"]) for row in table]),
            groups=[row["image_path"] for row in table] if captions else titles,
        )

    def __len__(self) -> int:
        return len(self.texts)


def queue(scores: np.ndarray, *, count: int, seed: int) -> np.ndarray:
    """The first `count` listings that the queue hands out, by the base's scores [n].

    Seven in ten are the most suspicious ones, two the most uncertain (nearest to the threshold),
    one is drawn at random from all.
    """
    rng = np.random.default_rng(seed)
    threshold = np.quantile(scores, FLAGGED)
    arms = {
        "suspicious": list(np.argsort(scores, kind="stable")[::-1]),
        "uncertain": list(np.argsort(np.abs(scores - threshold), kind="stable")[::-1]),
        "audit": list(rng.permutation(len(scores))),
    }
    names, shares = list(arms), [1 - UNCERTAIN - AUDIT, UNCERTAIN, AUDIT]
    chosen: dict[int, None] = {}
    while len(chosen) < min(count, len(scores)):
        arm = arms[names[rng.choice(3, p=shares)]]
        while arm and int(arm[-1]) in chosen:
            arm.pop()
        if arm:
            chosen[int(arm.pop())] = None
    return np.array(list(chosen), dtype=int)


def data_of(shop: Shop, decided: np.ndarray, *, seed: int) -> FinetuneData:
    """The decisions in leak-free parts, and the listings that nobody called wrong."""
    pairs = LabelledPairs(
        images=[shop.images[i] for i in decided],
        texts=[shop.texts[i] for i in decided],
        labels=shop.labels[decided],
        weights=np.ones(len(decided)),
        categories=[shop.categories[i] for i in decided],
        groups=[shop.groups[i] for i in decided],
    )
    train, held = divided(pairs, 0.4, seed=seed) if len(pairs) else (pairs, pairs)
    validation, calibration = divided(held, 0.5, seed=seed) if len(held) else (held, held)
    elsewhere = {group for part in (validation, calibration) for group in part.groups}
    wrong = {i for i in decided.tolist() if not shop.labels[i]}
    kept = [i for i, group in enumerate(shop.groups) if group not in elsewhere and i not in wrong]
    return FinetuneData(
        train=train,
        validation=validation,
        calibration=calibration,
        listings=Listings(
            images=[shop.images[i] for i in kept],
            texts=[shop.texts[i] for i in kept],
            categories=[shop.categories[i] for i in kept],
        ),
    )
