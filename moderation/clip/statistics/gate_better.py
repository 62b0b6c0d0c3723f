"""Whether a candidate ranks better than the active version, and the shape of every check."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from .assess import JudgedPairs, Scores
from .bootstrap import Resampling, interval, lower_bound
from .metrics import Probabilities, RankedPairs

CONFIDENCE = 0.99
SMALLEST_GAIN = 0.005


@dataclass(frozen=True)
class Check:
    """One condition of the gate: `passed` is None where it could not be asked."""

    name: str
    passed: bool | None
    sentence: str
    figures: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def better(
    judged: JudgedPairs, active: Scores, candidate: Scores, *, times: int, seed: int
) -> Check:
    """Whether the average precision rises or, where the ranking is the same, the Brier falls."""
    resampling = judged.resampling(times=times, seed=seed)
    if same_order(active.similarity, candidate.similarity):
        return _better_probabilities(judged, active, candidate, resampling)
    old = RankedPairs.of(judged.labels, active.similarity)
    new = RankedPairs.of(judged.labels, candidate.similarity)
    before, after, values = _compared("ap", old, new, resampling)
    low = lower_bound(values, level=CONFIDENCE)
    moved = "rises" if after >= before else "falls"
    return Check(
        "better",
        after - before >= SMALLEST_GAIN and low > 0,
        f"Average precision {moved} from {before:.3f} to {after:.3f}. With {CONFIDENCE:.0%} "
        f"confidence the change is above {signed(low)}; it must be above 0, and the change at "
        f"least {SMALLEST_GAIN}.",
        _figures(before, after, values) | {"lower_bound": low},
    )


def _better_probabilities(
    judged: JudgedPairs, active: Scores, candidate: Scores, resampling: Resampling
) -> Check:
    if candidate.p_mismatch is None:
        return Check("better", False, "The candidate ranks as the active version does.")
    if active.p_mismatch is None:
        return Check("better", True, "The ranking is the same, and now it is calibrated.")
    old = Probabilities(judged.labels, active.p_mismatch)
    new = Probabilities(judged.labels, candidate.p_mismatch)
    before, after, values = _compared("brier", old, new, resampling)
    low = lower_bound(-values, level=CONFIDENCE)
    return Check(
        "better",
        after < before and low > 0,
        "The ranking is that of the active version, so the probabilities are compared: Brier "
        f"score {before:.4f} before, {after:.4f} now (lower is better). With {CONFIDENCE:.0%} "
        f"confidence it falls by more than {signed(low, digits=4)}; that must be above 0.",
        _figures(before, after, values) | {"lower_bound": low},
    )


def _compared(
    figure: str,
    old: RankedPairs | Probabilities,
    new: RankedPairs | Probabilities,
    resampling: Resampling,
) -> tuple[float, float, np.ndarray]:
    """The figure before and after, and its change in every resample."""

    def change(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {figure: new.under(weights)[figure] - old.under(weights)[figure]}

    weights = np.asarray(resampling.weights, dtype=np.float64)
    before, after = (float(side.under(weights)[figure]) for side in (old, new))
    return before, after, resampling.spread(change)[figure]


def same_order(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two models put the pairs in the same order."""
    first, second = (np.unique(side, return_inverse=True)[1] for side in (one, other))
    return bool(np.array_equal(first, second))


def _figures(before: float, after: float, values: np.ndarray) -> dict[str, Any]:
    return {
        "before": before,
        "after": after,
        "change": after - before,
        "interval": interval(values),
    }


def signed(value: float, *, digits: int = 3) -> str:
    """With its sign, and a true minus."""
    return f"{value:+.{digits}f}".replace("-", "−")
