"""What several holdouts say together of how far an adaptation should go.

Held-out listings with made-up mismatches are many, but they are not the mistakes that the shop
makes; decided pairs are these, but a shop has judged few. Each counts by how surely it tells the
adapted model from the base: the inverse variance of that difference (the weighting of a
fixed-effect meta-analysis), in which made-up mismatches carry an error that no number of them takes
away. So fifteen decided mismatches advise, and three hundred decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moderation.clip.statistics.metrics import RankedPairs, average_precision

# Standard deviation of what made-up mismatches gain about what the shop's own do, in average
# precision (benchmarks/new_shop, three shops).
MADE_UP = 0.05
_RESAMPLES = 400


@dataclass(frozen=True)
class Evidence:
    """One holdout: `labels` [m] 1 match, 0 mismatch, and its cosines [m] under each ratio.

    `of_others` is the standard deviation that comes from its being made of other mismatches than
    those the model is for.
    """

    labels: np.ndarray
    cosines: Mapping[float, np.ndarray]
    of_others: float = 0.0

    @property
    def tells(self) -> bool:
        """Whether there are both matches and mismatches."""
        return len(set(self.labels.tolist())) == 2

    def precision(self, ratio: float) -> float:
        """Average precision under this ratio."""
        return average_precision(self.labels, self.cosines[ratio])

    def weight(self, *, seed: int) -> float:
        """The inverse variance of the average precision that the whole way gains on the base.

        Pairs are drawn again within matches and mismatches, the same for both models.
        """
        weights = _resampled(self.labels, seed=seed)
        before, after = (
            RankedPairs.of(self.labels, self.cosines[ratio]).under(weights)["ap"]
            for ratio in (min(self.cosines), max(self.cosines))
        )
        least = 1 / len(self.labels) ** 2  # where all resamples agree
        return 1 / (float(np.var(after - before)) + self.of_others**2 + least)


def judged(
    evidence: Sequence[Evidence], *, ratios: Sequence[float], seed: int
) -> dict[float, float]:
    """The weighted mean of the average precisions by ratio; 0.0 where nothing tells anything."""
    telling = [one for one in evidence if one.tells]
    if not telling:
        return dict.fromkeys(ratios, 0.0)
    weights = np.array([one.weight(seed=seed) for one in telling])
    return {
        ratio: float(np.average([one.precision(ratio) for one in telling], weights=weights))
        for ratio in ratios
    }


def _resampled(labels: np.ndarray, *, seed: int) -> np.ndarray:
    """How often each pair is drawn, [b, m]."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((_RESAMPLES, len(labels)))
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        counts[:, rows] = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), _RESAMPLES)
    return counts
