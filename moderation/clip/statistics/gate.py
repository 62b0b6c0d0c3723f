"""The gate: whether a candidate may replace the model that runs, judged on the same pairs.

Pure statistics; the services bring the pairs. The rule, and why it is as strict as it is:

1. At least `FEWEST_TO_PROMOTE` matches and mismatches, or nothing can be said.
2. The candidate ranks better: the average precision rises by at least `SMALLEST_GAIN`, and a
   paired bootstrap puts the rise above zero with the error that this attempt is allowed
   (`allowed_error`: every comparison on the same decisions makes the next one stricter). "Not
   worse" would not do: a copy with a little noise is not worse, and one in two such copies has the
   better figure.
3. A candidate with the very ranking of the active version (a new calibration) is judged by the
   Brier score of its probabilities instead, with the same confidence.
4. No category falls: its ROC-AUC, one-sided, Holm's correction over all categories.
5. It still knows products in general: its zero-shot accuracy over the catalogue's categories is
   at most `ZERO_SHOT_MARGIN` below the active version's. Skipped where too few products have one.
6. It is calibrated.
7. At its deployed threshold it flags at most `RECALL_MARGIN` fewer of the mismatches: the better
   ranking would be worth nothing in a queue that runs dry.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .assess import FEWEST, JudgedPairs, Scores, too_few
from .bootstrap import holm, interval, p_fallen
from .gate_better import Check as Check  # part of what a gate is
from .gate_better import better, signed
from .metrics import RankedPairs

FEWEST_TO_PROMOTE = 20
ZERO_SHOT_MARGIN = 0.03
RECALL_MARGIN = 0.1
ZERO_SHOT_FEWEST = 50
CATEGORY_LEVEL = 0.05
TIMES = 4000


@dataclass(frozen=True)
class ZeroShot:
    """Whether each of n catalogue photos was given its category, by both models."""

    active: np.ndarray  # [n] bool
    candidate: np.ndarray  # [n] bool


def judge(
    judged: JudgedPairs,
    *,
    active: Scores,
    candidate: Scores,
    zero_shot: ZeroShot | None = None,
    attempt: int = 1,
    times: int = TIMES,
    seed: int = 0,
) -> list[Check]:
    """All conditions in order; the candidate passes where none has failed.

    `attempt` counts the comparisons on these decisions, this one included.
    """
    calibrated = _calibrated(candidate)
    missing = too_few(judged, fewest=FEWEST_TO_PROMOTE)
    if missing:
        return [Check("labels", False, missing)]
    counts = f"{judged.mismatches} mismatches and {judged.matches} matches"
    return [
        Check("labels", True, f"Judged on {counts}."),
        better(judged, active, candidate, times=times, seed=seed, attempt=attempt),
        _categories(judged, active, candidate, times=times, seed=seed),
        _zero_shot(zero_shot),
        calibrated,
        _flags(judged, active, candidate),
    ]


def passed(checks: list[Check]) -> bool:
    """No condition failed; one that could not be asked does not stand in the way."""
    return all(check.passed is not False for check in checks)


def _categories(
    judged: JudgedPairs, active: Scores, candidate: Scores, *, times: int, seed: int
) -> Check:
    labels, names = np.asarray(judged.labels), np.asarray(judged.categories)
    rows = {name: np.flatnonzero(names == name) for name in sorted(set(judged.categories) - {""})}
    rows = {
        name: place
        for name, place in rows.items()
        if FEWEST <= labels[place].sum() <= len(place) - FEWEST
    }
    if not rows:
        return Check("categories", None, f"No category has {FEWEST} labels of each class yet.")
    sides = [
        {
            name: RankedPairs.of(labels[place], scores.similarity[place])
            for name, place in rows.items()
        }
        for scores in (active, candidate)
    ]

    def change(weights: np.ndarray) -> dict[str, np.ndarray]:
        old, new = (
            {name: ranking.under(weights[..., rows[name]])["auc"] for name, ranking in side.items()}
            for side in sides
        )
        return {name: new[name] - old[name] for name in rows}

    spread = judged.resampling(times=times, seed=seed).spread(change)
    points = {
        name: float(value) for name, value in change(np.asarray(judged.weights, float)).items()
    }
    fallen = holm([p_fallen(points[name], spread[name]) for name in rows], level=CATEGORY_LEVEL)
    lost = [name for name, fell in zip(rows, fallen, strict=True) if fell]
    figures = {
        name: {"change": points[name], "interval": interval(spread[name]), "fell": name in lost}
        for name in rows
    }
    sentence = (
        f"Falls in {', '.join(f'{name} (ROC-AUC {signed(points[name])})' for name in lost)}."
        if lost
        else f"None of {len(rows)} categories falls significantly."
    )
    return Check("categories", not lost, sentence, figures)


def _zero_shot(zero_shot: ZeroShot | None) -> Check:
    count = 0 if zero_shot is None else len(zero_shot.active)
    if zero_shot is None or count < ZERO_SHOT_FEWEST:
        return Check(
            "zero_shot",
            None,
            f"Only {count} products have a category; from {ZERO_SHOT_FEWEST} on it is checked "
            "that the candidate still tells categories apart.",
        )
    before, after = float(zero_shot.active.mean()), float(zero_shot.candidate.mean())
    return Check(
        "zero_shot",
        after >= before - ZERO_SHOT_MARGIN,
        f"Of {count} catalogue photos {after:.1%} get their category without any training for it, "
        f"{before:.1%} before; at most {ZERO_SHOT_MARGIN:.0%} may be lost.",
        {"before": before, "after": after, "products": count},
    )


def _calibrated(candidate: Scores) -> Check:
    if candidate.p_mismatch is None:
        return Check("calibration", False, "The candidate has no calibration; calibrate it first.")
    return Check("calibration", True, "The candidate is calibrated.")


def _flags(judged: JudgedPairs, active: Scores, candidate: Scores) -> Check:
    """A better ranking is worth nothing with a threshold that flags nothing."""
    wrong = np.asarray(judged.labels) == 0
    weights = np.asarray(judged.weights, dtype=np.float64) * wrong
    before, after = (
        float((weights * side.flagged).sum() / weights.sum()) for side in (active, candidate)
    )
    return Check(
        "threshold",
        after >= before - RECALL_MARGIN,
        f"At the deployed thresholds {before:.0%} of these mismatches were flagged before, "
        f"{after:.0%} now; {RECALL_MARGIN:.0%} fewer at most. `set_threshold` chooses another.",
        {"before": before, "after": after, "change": after - before},
    )
