"""WiSE-FT: weights between the base's and the tuned ones (Wortsman et al. 2022), how far is asked
of the held-out pairs and of the zero-shot guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from moderation.clip.finetune.decisions.guard import ZeroShot
from moderation.clip.finetune.decisions.task import DecisionTask
from moderation.clip.training.weights import Weights, mixed

# A better loss must be this many standard errors better to justify going further from the base.
CAUTION = 1.0


@dataclass(frozen=True)
class Interpolation:
    """How far the weights go: 0 is the base, 1 the tuned ones; and why."""

    ratio: float
    weights: Weights
    losses: dict[float, float]  # mean validation loss by ratio
    zero_shot: dict[str, float]  # before, after, and the floor
    reason: str


def interpolate(
    task: DecisionTask,
    base: Weights,
    tuned: Weights,
    *,
    guard: ZeroShot,
    ratios: Sequence[float],
    tell: Callable[[float], None] = lambda done: None,
) -> Interpolation:
    """The ratio of the least validation loss, nearer to the base where little speaks against it,
    and no further than the zero-shot guard allows. The task holds its weights afterwards."""
    losses = {}  # [m] each
    for number, ratio in enumerate(ratios):
        tell(number / len(ratios))
        task.put(mixed(base, tuned, ratio))
        losses[ratio] = task.validation_losses()
    wanted = nearest_of_the_best(losses)
    ratio, accuracy = wanted, guard.before
    for ratio in sorted((r for r in ratios if r <= wanted), reverse=True):
        task.put(mixed(base, tuned, ratio))
        accuracy = guard.before if ratio == 0 else guard.accuracy(task.encode)
        if accuracy >= guard.floor:
            break
    return Interpolation(
        ratio=ratio,
        weights=mixed(base, tuned, ratio),
        losses={one: round(float(found.mean()), 6) for one, found in losses.items()},
        zero_shot={
            "before": round(guard.before, 4),
            "after": round(accuracy, 4),
            "floor": round(guard.floor, 4),
        },
        reason=_reason(ratio, wanted, guard),
    )


def nearest_of_the_best(losses: Mapping[float, np.ndarray]) -> float:
    """The smallest ratio whose losses [m] are as good as the best's, up to chance."""
    best = min(losses, key=lambda ratio: (losses[ratio].mean(), ratio))
    for ratio in sorted(losses):
        worse = losses[ratio] - losses[best]
        if worse.mean() <= CAUTION * worse.std() / np.sqrt(len(worse)):
            return ratio
    return best


def _reason(ratio: float, wanted: float, guard: ZeroShot) -> str:
    if ratio < wanted:
        return (
            f"The weights go {ratio:.0%} of the way and not {wanted:.0%}: beyond, the "
            f"{guard.about} fell below {guard.floor:.2f} (base {guard.before:.2f})."
        )
    if ratio == 0:
        return "Training made the held-out pairs no better, so the weights stay the base's."
    return f"The weights go {ratio:.0%} of the way from the base, as the held-out pairs advise."
