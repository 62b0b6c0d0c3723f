"""What a fine-tuning learns from and is judged by: labelled pairs, and the shop's own listings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from moderation.clip.texts.prepare import prepare


@dataclass(frozen=True)
class LabelledPairs:
    """m pairs with what people decided of them. label 1 match, 0 mismatch; weight 1/p or less.

    `groups` name what must never be split: same picture, near-identical picture, same title.
    """

    images: list[Path]
    texts: list[str]
    labels: np.ndarray  # [m] int
    weights: np.ndarray  # [m] float
    categories: list[str]
    groups: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, index: np.ndarray) -> LabelledPairs:
        """The pairs at these positions."""
        return replace(
            self,
            images=[self.images[i] for i in index],
            texts=[self.texts[i] for i in index],
            labels=self.labels[index],
            weights=self.weights[index],
            categories=[self.categories[i] for i in index],
            groups=[self.groups[i] for i in index],
        )


def together(parts: Sequence[LabelledPairs]) -> LabelledPairs:
    """The pairs of several parts as one."""
    return LabelledPairs(
        images=[image for part in parts for image in part.images],
        texts=[text for part in parts for text in part.texts],
        labels=np.concatenate([part.labels for part in parts]),
        weights=np.concatenate([part.weights for part in parts]),
        categories=[category for part in parts for category in part.categories],
        groups=[group for part in parts for group in part.groups],
    )


@dataclass(frozen=True)
class Listings:
    """n products of the shop that nobody called wrong; most of them are right, not all."""

    images: list[Path]
    texts: list[str]
    categories: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, index: np.ndarray) -> Listings:
        """The listings at these positions."""
        return Listings(
            images=[self.images[i] for i in index],
            texts=[self.texts[i] for i in index],
            categories=[self.categories[i] for i in index],
        )


Part = TypeVar("Part", LabelledPairs, Listings)


@dataclass(frozen=True)
class FinetuneData:
    """The parts of one data set; no group stands in two of them.

    `replay` are true pairs of what the base was trained on before, of other goods than the shop's.
    `decided` says that these are decisions of the shop's people, whose share of mismatches is not
    made up. `notes` are sentences about what was skipped or made up while reading.
    """

    train: LabelledPairs
    validation: LabelledPairs
    calibration: LabelledPairs
    listings: Listings | None = None
    replay: Listings | None = None
    decided: bool = False
    notes: tuple[str, ...] = ()

    def as_read(self) -> FinetuneData:
        """The same with the texts as the model will read them, whoever encodes them."""
        return replace(
            self,
            train=_as_read(self.train),
            validation=_as_read(self.validation),
            calibration=_as_read(self.calibration),
            listings=self.listings and _as_read(self.listings),
            replay=self.replay and _as_read(self.replay),
        )


def _as_read(part: Part) -> Part:
    return replace(part, texts=[prepare(text) for text in part.texts])
