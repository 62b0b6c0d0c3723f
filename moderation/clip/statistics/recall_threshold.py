"""The lowest threshold of a target recall: conformal risk control."""

from __future__ import annotations

import math

import numpy as np

from .labelled_scores import STEP, TOLD_FROM, LabelledScores, grid, recall
from .thresholds import ChosenThreshold, NotEnoughLabels, ThresholdAnswer, percent


def by_recall(
    labels: LabelledScores, *, target: float, confidence: float | None = None
) -> ThresholdAnswer:
    """The lowest threshold that flags at least this share of all mismatches, on the mean.

    Conformal risk control (Angelopoulos et al. 2022) of the share missed, with weights as for a
    covariate shift (Tibshirani et al. 2019): one more mismatch of the greatest weight is taken to
    be missed. With `confidence`, the lower end of the recall's own interval must also reach the
    target. Labels must be spread over the catalogue and hold an audit: else what passed is unknown.
    """
    if labels.audited < TOLD_FROM:
        return _without_audit(labels.audited)
    order = np.argsort(-labels.similarities[labels.wrong], kind="stable")
    similarity = labels.similarities[labels.wrong][order]
    weight = labels.weights[labels.wrong][order]
    largest = float(labels.weights.max())
    allowed = (1 - target) * (weight.sum() + largest)
    if largest > allowed:
        return _too_few(labels.audited, weight, largest, target=target)
    missed = np.concatenate([[0.0], np.cumsum(weight)])  # by how many of the highest pass
    passing = int(np.flatnonzero(missed + largest <= allowed)[-1])
    lowest = similarity[passing] if passing < len(similarity) else similarity[-1]
    threshold = round(_just_above(lowest), 3)
    found = f"Finds at least {percent(target)} of all mismatches"
    if confidence is None:
        return ChosenThreshold(threshold, f"{found}, on the mean.")
    for candidate in [threshold, *map(_just_above, similarity[:passing][::-1])]:
        sure = recall(labels, candidate, confidence=confidence)
        if sure is not None and sure.low >= target:
            return ChosenThreshold(round(candidate, 3), f"{found} ({percent(confidence)} sure).")
    more = labels.audited  # the bound closes with the root of the number
    return NotEnoughLabels(
        f"Not enough labels: a recall of {percent(target)} is not shown with "
        f"{percent(confidence)} confidence; about {more:,} more products drawn at random could "
        "show it.",
        more,
    )


def _just_above(similarity: float) -> float:
    """The next value of the grid, below which this similarity lies."""
    return (grid(float(similarity)) + 1) * STEP


def _without_audit(audited: int) -> NotEnoughLabels:
    more = TOLD_FROM - audited
    return NotEnoughLabels(
        f"Not enough labels: recall is unknown without an audit of what passed; "
        f"{_drawn(audited)} judged, {more} more {'is' if more == 1 else 'are'} needed.",
        more,
    )


def _too_few(audited: int, weight: np.ndarray, largest: float, *, target: float) -> NotEnoughLabels:
    """One more mismatch of the greatest weight alone would be more than may be missed."""
    times = largest * target / (1 - target) / max(float(weight.sum()), 1e-9)
    more = max(math.ceil(audited * (min(times, 1000.0) - 1)), 1)
    return NotEnoughLabels(
        f"Not enough labels: a recall of {percent(target)} needs about {more:,} more "
        f"product{'' if more == 1 else 's'} drawn at random to be judged; "
        f"{_drawn(audited)} so far, and {len(weight):,} "
        f"mismatch{' is' if len(weight) == 1 else 'es are'} known.",
        more,
    )


def _drawn(count: int) -> str:
    return f"{count:,} product{' drawn at random is' if count == 1 else 's drawn at random are'}"
