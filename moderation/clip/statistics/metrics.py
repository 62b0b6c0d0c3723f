"""What a threshold-free score and a probability are worth.

Labels are 1 for a match and 0 for a mismatch, as in every label file. The class to be found is the
mismatch: average precision, precision at recall and F1 are about mismatches, and a pair is the more
suspicious the lower its similarity. Every figure takes weights of shape [n], or [b, n] for b
resamples at once, and then gives b values; where a class has no weight, the value is NaN. That is
why they are not scikit-learn's, to which the tests hold them: it takes one weighting at a time and
sorts again for each, which made the gate's thousands of resamples 30 to 160 times slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

ECE_BINS = 10


def roc_auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Chance that a random match (label 1) scores above a random mismatch (label 0).

    Ties count one half (the Mann-Whitney U statistic). Raises ValueError when a class is missing.
    """
    ranking = _with_both_classes(labels, scores, "ROC-AUC")
    return float(ranking.under(np.ones(len(ranking)))["auc"])


def average_precision(labels: ArrayLike, similarities: ArrayLike) -> float:
    """Mean precision over the mismatches, most suspicious first; equal scores are one step.

    The usual step-wise sum (Manning et al. 2008, 8.4), without interpolation. Raises ValueError
    when a class is missing.
    """
    ranking = _with_both_classes(labels, similarities, "Average precision")
    return float(ranking.under(np.ones(len(ranking)))["ap"])


@dataclass(frozen=True)
class RankedPairs:
    """n labelled pairs by rising similarity, ready to be measured under many weights."""

    wrong: np.ndarray  # [n] bool, most suspicious first
    order: np.ndarray  # [n] positions in the caller's order
    starts: np.ndarray  # [k] where each group of equal similarities begins

    @classmethod
    def of(cls, labels: ArrayLike, similarities: ArrayLike) -> RankedPairs:
        """Sort once. Raises ValueError for other lengths and for scores that are no numbers."""
        truth, score = _checked(labels, similarities)
        order = np.argsort(score, kind="stable")
        ordered = score[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]] if len(ordered) else [])
        return cls(wrong=~truth[order], order=order, starts=starts)

    def __len__(self) -> int:
        return len(self.wrong)

    def under(
        self, weights: np.ndarray, *, recalls: tuple[float, ...] = ()
    ) -> dict[str, np.ndarray]:
        """`auc`, `ap` and `precision_at_R` for each recall R (0.8), under weights [n] or [b, n].

        Precision at recall R is the best one at any depth that finds at least R of the mismatches.
        """
        weights = np.asarray(weights, dtype=np.float64)[..., self.order]
        bad = np.add.reduceat(weights * self.wrong, self.starts, axis=-1)
        good = np.add.reduceat(weights * ~self.wrong, self.starts, axis=-1)
        found, false = np.cumsum(bad, axis=-1), np.cumsum(good, axis=-1)
        all_bad, all_good = found[..., -1:], false[..., -1:]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(found + false > 0, found / (found + false), 0.0)
            beaten = bad * (all_good - false + good / 2)
            figures = {
                "auc": beaten.sum(-1) / (all_bad * all_good)[..., 0],
                "ap": np.where(
                    all_good[..., 0] > 0, (bad * precision).sum(-1) / all_bad[..., 0], np.nan
                ),
            }
            for recall in recalls:
                deep = found >= recall * all_bad * (1 - 1e-12)
                best = np.where(deep, precision, 0.0).max(-1)
                known = (all_bad[..., 0] > 0) & (all_good[..., 0] > 0)
                figures[f"precision_at_{recall:g}"] = np.where(known, best, np.nan)
        return figures


@dataclass(frozen=True)
class Flags:
    """n labelled pairs, flagged or not by the threshold that is deployed."""

    labels: np.ndarray  # [n] 1 match, 0 mismatch
    flagged: np.ndarray  # [n] bool

    def under(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """`f1`, `precision`, `recall` of the flags and the `flagged` share, as in `RankedPairs`."""
        wrong, flagged = np.asarray(self.labels) == 0, np.asarray(self.flagged, dtype=bool)
        weights = np.asarray(weights, dtype=np.float64)
        hit = weights @ (wrong & flagged).astype(np.float64)
        raised = weights @ flagged.astype(np.float64)
        bad = weights @ wrong.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return {
                "f1": 2 * hit / (raised + bad),
                "precision": hit / raised,
                "recall": hit / bad,
                "flagged": raised / weights.sum(-1),
            }


@dataclass(frozen=True)
class Probabilities:
    """n labelled pairs with the probability of a mismatch that the model gave."""

    labels: np.ndarray  # [n] 1 match, 0 mismatch
    p_mismatch: np.ndarray  # [n] from 0 to 1

    @cached_property
    def bins(self) -> np.ndarray:
        """[n] the bin of each pair: `ECE_BINS` bins of equal mass; equal P share a bin."""
        p = np.asarray(self.p_mismatch, dtype=np.float64)
        edges = np.unique(np.quantile(p, np.linspace(0, 1, ECE_BINS + 1)[1:-1], method="higher"))
        return np.searchsorted(edges, p, side="right")

    @property
    def _wrong(self) -> np.ndarray:
        return (np.asarray(self.labels) == 0).astype(np.float64)

    def under(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """`ece` and `brier`, as in `RankedPairs`.

        ECE (Naeini et al. 2015) with bins of equal mass, as equal widths leave most bins empty
        (Nixon et al. 2019): the mean over bins of |mean P - share of mismatches|, by weight. It is
        never below 0, so with few pairs it is a little above the truth. Brier is the mean squared
        distance of P from what was true.
        """
        weights = np.asarray(weights, dtype=np.float64)
        total = weights.sum(-1)
        gap = np.asarray(self.p_mismatch, dtype=np.float64) - self._wrong
        member = (self.bins[:, None] == np.arange(self.bins.max() + 1)).astype(np.float64)
        return {
            "ece": np.abs((weights * gap) @ member).sum(-1) / total,
            "brier": weights @ gap**2 / total,
        }

    def reliability(self, weights: np.ndarray) -> list[dict[str, float]]:
        """For each bin its mean P, the share of mismatches in it, and how many pairs it has."""
        rows = []
        for number in np.unique(self.bins):
            inside = self.bins == number
            share = weights[inside] / weights[inside].sum()
            rows.append(
                {
                    "p": float(share @ np.asarray(self.p_mismatch)[inside]),
                    "share": float(share @ self._wrong[inside]),
                    "count": int(inside.sum()),
                }
            )
        return rows


def precision_recall(
    labels: ArrayLike, similarities: ArrayLike, *, weights: np.ndarray, points: int = 100
) -> list[tuple[float, float]]:
    """At most so many (recall, precision) points of the curve, from the most suspicious on."""
    ranking = RankedPairs.of(labels, similarities)
    weights = np.asarray(weights, dtype=np.float64)[ranking.order]
    ends = np.r_[ranking.starts[1:], len(ranking)] - 1
    found = np.cumsum(weights * ranking.wrong)[ends]
    seen = np.cumsum(weights)[ends]
    chosen = np.unique(np.linspace(0, len(ends) - 1, points).round().astype(int))
    return [(float(found[i] / found[-1]), float(found[i] / seen[i])) for i in chosen]


def _with_both_classes(labels: ArrayLike, scores: ArrayLike, what: str) -> RankedPairs:
    ranking = RankedPairs.of(labels, scores)
    if ranking.wrong.all() or not ranking.wrong.any():
        raise ValueError(f"{what} needs at least one match and one mismatch.")
    return ranking


def _checked(labels: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    truth, score = np.asarray(labels).astype(bool), np.asarray(scores, dtype=np.float64)
    if truth.shape != score.shape or truth.ndim != 1:
        raise ValueError("Labels and scores must be two lists of the same length.")
    if not np.isfinite(score).all():
        raise ValueError("Scores must be finite numbers.")
    return truth, score
