"""The highest threshold of a target precision: Learn then Test."""

from __future__ import annotations

import math

import numpy as np

from .binomial import binomial_tail, labels_for
from .labelled_scores import STEP, LabelledScores, grid, mismatch_share
from .thresholds import ChosenThreshold, NotEnoughLabels, OutOfReach, ThresholdAnswer, percent

# Learn-then-Test begins at several strictnesses, so that one unlucky label among the few at the
# strictest does not end it; each has its part of the error (Bonferroni).
_STARTS = (1, 2, 4, 8)
_CANDIDATES = 100


def by_precision(labels: LabelledScores, *, target: float, confidence: float) -> ThresholdAnswer:
    """The highest threshold whose flagged products are mismatches with at least this share.

    Learn then Test (Angelopoulos et al. 2021): thresholds are tested from strict to lax, each by
    the exact binomial tail with the effective number of labels, until one fails. With probability
    `confidence` the precision of the threshold is at least the target. `labels` must be spread
    over the catalogue.
    """
    level = (1 - confidence) / len(_STARTS)
    least = math.ceil(math.log(level) / math.log(target))  # that many without a single error
    tested = _tested(labels)
    best: float | None = None
    for start in _STARTS:
        begun = False
        for threshold, share, size in tested:
            begun = begun or size >= least * start
            if not begun:
                continue
            count = math.floor(size)
            # Of that many, or the part of a label that is cut off would count for the target.
            if binomial_tail(math.floor(share * count + 1e-9), count, target) > level:
                break
            best = max(threshold, best if best is not None else threshold)
    if best is not None:
        return ChosenThreshold(
            best,
            f"Of what is flagged, at least {percent(target)} is a mismatch "
            f"({percent(confidence)} sure).",
        )
    wanted = f"a precision of {percent(target)} with {percent(confidence)} confidence"
    return _short_of_precision(tested, least, target=target, level=level, wanted=wanted)


def _tested(labels: LabelledScores) -> list[tuple[float, float, float]]:
    """(threshold, share of mismatches below, effective labels below), strict to lax."""
    order = np.argsort(labels.similarities, kind="stable")
    found: dict[float, tuple[float, float, float]] = {}
    for end in np.unique(np.linspace(1, len(order), min(_CANDIDATES, len(order)), dtype=int)):
        threshold = round((grid(float(labels.similarities[order[end - 1]])) + 1) * STEP, 3)
        found[threshold] = threshold, *mismatch_share(labels, labels.similarities < threshold)
    return list(found.values())


def _short_of_precision(
    tested: list[tuple[float, float, float]],
    least: int,
    *,
    target: float,
    level: float,
    wanted: str,
) -> NotEnoughLabels | OutOfReach:
    """Why no test passed: too few labels, and about how many would do, or too many errors."""
    begun = [
        next((row for row in tested if row[2] >= least * start), None) for start in _STARTS
    ]  # where the tests began, and failed
    rows = [row for row in begun if row] or tested
    hopeful = [row for row in rows if row[1] > target]
    if hopeful:
        needs = [
            labels_for(target, share=share, level=level, above=math.floor(size))
            for _, share, size in hopeful
        ]
        more, place = min(
            (need - math.floor(row[2]), number)
            for number, (need, row) in enumerate(zip(needs, hopeful, strict=True))
        )
        threshold, share, size = hopeful[place]
        return NotEnoughLabels(
            f"Not enough labels: {wanted} needs about {needs[place]:,} judged products with low "
            f"scores, if errors stay as rare as now. Below {threshold:.3f} there "
            f"{_are(math.floor(size))}, {percent(share)} of them mismatches; judge {more:,} more.",
            more,
        )
    most = math.floor(max((size for *_, size in tested), default=0))
    if most < least:
        return NotEnoughLabels(
            f"Not enough labels: {wanted} needs at least {least:,} judged products with low "
            f"scores, there {_are(most)}; judge {least - most:,} more.",
            least - most,
        )
    threshold, share, size = max(rows, key=lambda row: row[1])
    return OutOfReach(
        f"No threshold shows {wanted}: among the lowest scores, below {threshold:.3f}, "
        f"{percent(share)} of {size:,.0f} judged products are mismatches. Choose a lower "
        "precision, look at those decisions again, or train the model."
    )


def _are(count: int) -> str:
    return f"{'is' if count == 1 else 'are'} {count:,}"
