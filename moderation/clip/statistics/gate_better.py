"""Whether a candidate ranks better than the active version, and the shape of every check.

Who asks again on the same decisions is right by chance sooner or later. So the k-th attempt on them
is allowed an error of `ERROR` * 6 / (pi^2 k^2): however often it is asked, these sum up to `ERROR`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from .assess import JudgedPairs, Scores
from .bootstrap import Resampling, interval, lower_bound
from .metrics import Probabilities, RankedPairs
from .weights import effective_size

ERROR = 0.01  # of all attempts on the same decisions together
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


def allowed_error(attempt: int) -> float:
    """With which probability this attempt (1, 2, ...) may find a better version where none is."""
    return ERROR * 6 / (math.pi * attempt) ** 2


def better(
    judged: JudgedPairs,
    active: Scores,
    candidate: Scores,
    *,
    times: int,
    seed: int,
    attempt: int = 1,
) -> Check:
    """Whether the average precision rises or, where the ranking is the same, the Brier falls.

    `attempt` counts the comparisons on these decisions, this one included.
    """
    resampling = judged.resampling(times=times, seed=seed)
    if same_order(active.similarity, candidate.similarity):
        return _better_probabilities(judged, active, candidate, resampling, attempt)
    old = RankedPairs.of(judged.labels, active.similarity)
    new = RankedPairs.of(judged.labels, candidate.similarity)
    before, after, values = _compared("ap", old, new, resampling)
    low = surely_above(after - before, values, judged, attempt)
    moved = "rises" if after >= before else "falls"
    return Check(
        "better",
        after - before >= SMALLEST_GAIN and low > 0,
        f"Average precision {moved} from {before:.3f} to {after:.3f}. {_attempt_words(attempt)}"
        f"With {_confidence(attempt)} confidence the change is above {signed(low)}; it must be "
        f"above 0, and the change at least {SMALLEST_GAIN}.",
        _figures(before, after, values, attempt) | {"lower_bound": low},
    )


def _better_probabilities(
    judged: JudgedPairs,
    active: Scores,
    candidate: Scores,
    resampling: Resampling,
    attempt: int,
) -> Check:
    if candidate.p_mismatch is None:
        return Check("better", False, "The candidate ranks as the active version does.")
    if active.p_mismatch is None:
        return Check("better", True, "The ranking is the same, and now it is calibrated.")
    old = Probabilities(judged.labels, active.p_mismatch)
    new = Probabilities(judged.labels, candidate.p_mismatch)
    before, after, values = _compared("brier", old, new, resampling)
    low = surely_above(before - after, -values, judged, attempt)
    return Check(
        "better",
        after < before and low > 0,
        "The ranking is that of the active version, so the probabilities are compared: Brier "
        f"score {before:.4f} before, {after:.4f} now (lower is better). {_attempt_words(attempt)}"
        f"With {_confidence(attempt)} confidence it falls by more than {signed(low, digits=4)}; "
        "that must be above 0.",
        _figures(before, after, values, attempt) | {"lower_bound": low},
    )


def surely_above(change: float, values: np.ndarray, judged: JudgedPairs, attempt: int) -> float:
    """What the change exceeds but for the allowed error: the lower of two bounds.

    The bootstrap's percentile knows how lopsided the figure is, but resolves no error below that of
    the first attempt, and is too narrow where a few pairs of great weight decide. There Student's
    bound holds, with the bootstrap's spread. Its degrees of freedom are half the number of equally
    weighted mismatches that would say as much: with all of them it errs too often
    (`benchmarks.gate_attempts`).
    """
    from scipy.special import stdtrit

    percentile = lower_bound(values, level=1 - allowed_error(1))
    wrong = np.asarray(judged.labels) == 0
    worth = effective_size(np.asarray(judged.weights, dtype=np.float64)[wrong])
    far = -float(stdtrit(max(worth / 2, 1.0), allowed_error(attempt)))
    return min(percentile, change - far * float(np.nanstd(values, ddof=1)))


def _attempt_words(attempt: int) -> str:
    if attempt == 1:
        return ""
    return (
        f"It is the {ordinal(attempt)} comparison on these decisions, so an error of "
        f"{_percent(allowed_error(attempt))} is allowed, and the lead must be clearer than at the "
        "first. "
    )


def _confidence(attempt: int) -> str:
    return _percent(1 - allowed_error(attempt))


def _percent(share: float) -> str:
    """With two significant figures of what is left to 0% or 100%."""
    left = min(share, 1 - share)
    digits = max(0, 1 - math.floor(math.log10(left * 100)))
    return f"{share * 100:.{digits}f}%"


def ordinal(number: int) -> str:
    """“1st”, “2nd”, “11th”."""
    teen = 10 < number % 100 < 20
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


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


def _figures(before: float, after: float, values: np.ndarray, attempt: int) -> dict[str, Any]:
    return {
        "before": before,
        "after": after,
        "change": after - before,
        "interval": interval(values),
        "attempt": attempt,
        "allowed_error": allowed_error(attempt),
    }


def signed(value: float, *, digits: int = 3) -> str:
    """With its sign, and a true minus."""
    return f"{value:+.{digits}f}".replace("-", "−")
