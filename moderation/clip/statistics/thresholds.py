"""Thresholds by target: so many reviews a day, this precision, or this recall.

A target that the labels at hand cannot warrant gives no threshold but a sentence that says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .binomial import binomial_tail, labels_for
from .isotonic import effective_size
from .labelled_scores import AUDITED_FROM, STEP, Histogram, LabelledScores, grid, recall

# Learn-then-Test begins at several strictnesses, so that one unlucky label among the few at the
# strictest does not end it; each has its part of the error (Bonferroni).
_STARTS = (1, 2, 4, 8)
_CANDIDATES = 100


@dataclass(frozen=True)
class Choice:
    """A threshold, and in a sentence what warrants it."""

    threshold: float
    sentence: str


@dataclass(frozen=True)
class NotEnoughLabels:
    """The labels cannot warrant the target; about `more` could."""

    sentence: str
    more: int


@dataclass(frozen=True)
class OutOfReach:
    """The labels say that no threshold reaches the target."""

    sentence: str


Answer = Choice | NotEnoughLabels | OutOfReach


def by_budget(catalogue: Histogram, *, reviews: float, arrivals: float) -> Choice:
    """The threshold that sends at most `reviews` of `arrivals` products a day to review.

    Taken for granted: what arrives scores like the catalogue. Raises ValueError for an empty one.
    """
    if not catalogue.total:
        raise ValueError("A review budget needs the scores of a catalogue.")
    share = min(reviews / arrivals, 1.0)
    threshold = catalogue.flagging(math.floor(share * catalogue.total))
    return Choice(
        round(threshold, 3),
        f"Sends about {tidy(arrivals * catalogue.below(threshold) / catalogue.total)} of "
        f"{tidy(arrivals)} new products a day to review.",
    )


def tidy(number: float) -> str:
    """One decimal below ten, where there is one: “3”, “3.4”, “1,235”."""
    whole = number >= 10 or round(number, 1) == round(number)
    return f"{number:,.0f}" if whole else f"{number:,.1f}"


def by_precision(labels: LabelledScores, *, target: float, confidence: float) -> Answer:
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
        return Choice(
            best,
            f"Of what is flagged, at least {percent(target)} is a mismatch "
            f"({percent(confidence)} sure).",
        )
    wanted = f"a precision of {percent(target)} with {percent(confidence)} confidence"
    return _short_of_precision(tested, least, target=target, level=level, wanted=wanted)


def percent(share: float) -> str:
    """0.9 -> “90%”, 0.999 -> “99.9%”."""
    return f"{100 * share:.4g}%"


def _tested(labels: LabelledScores) -> list[tuple[float, float, float]]:
    """(threshold, share of mismatches below, effective labels below), strict to lax."""
    order = np.argsort(labels.similarities, kind="stable")
    found: dict[float, tuple[float, float, float]] = {}
    for end in np.unique(np.linspace(1, len(order), min(_CANDIDATES, len(order)), dtype=int)):
        threshold = round((grid(float(labels.similarities[order[end - 1]])) + 1) * STEP, 3)
        below = labels.similarities < threshold
        weights = labels.weights[below]
        share = float(weights @ labels.wrong[below] / weights.sum())
        found[threshold] = threshold, share, effective_size(weights)
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


def by_recall(labels: LabelledScores, *, target: float, confidence: float | None = None) -> Answer:
    """The lowest threshold that flags at least this share of all mismatches, on the mean.

    Conformal risk control (Angelopoulos et al. 2022) of the share missed, with weights as for a
    covariate shift (Tibshirani et al. 2019): one more mismatch of the greatest weight is taken to
    be missed. With `confidence`, the lower end of the recall's own interval must also reach the
    target. Labels must be spread over the catalogue and hold an audit: else what passed is unknown.
    """
    if labels.audited < AUDITED_FROM:
        more = AUDITED_FROM - labels.audited
        return NotEnoughLabels(
            f"Not enough labels: recall is unknown without an audit of what passed; "
            f"{_drawn(labels.audited)} judged, {more} more {'is' if more == 1 else 'are'} needed.",
            more,
        )
    largest = float(labels.weights.max())
    order = np.argsort(-labels.similarities[labels.wrong], kind="stable")
    similarity = labels.similarities[labels.wrong][order]
    weight = labels.weights[labels.wrong][order]
    allowed = (1 - target) * (weight.sum() + largest)
    if largest > allowed:
        times = largest * target / (1 - target) / max(float(weight.sum()), 1e-9)
        more = max(math.ceil(labels.audited * (min(times, 1000.0) - 1)), 1)
        return NotEnoughLabels(
            f"Not enough labels: a recall of {percent(target)} needs about {more:,} more "
            f"product{'' if more == 1 else 's'} drawn by lot to be judged; "
            f"{_drawn(labels.audited)} so far, and {len(weight):,} "
            f"mismatch{' is' if len(weight) == 1 else 'es are'} known.",
            more,
        )
    missed = np.concatenate([[0.0], np.cumsum(weight)])  # by how many of the highest pass
    passing = int(np.flatnonzero(missed + largest <= allowed)[-1])
    lowest = similarity[passing] if passing < len(similarity) else similarity[-1]
    threshold = round((grid(float(lowest)) + 1) * STEP, 3)
    if confidence is None:
        return Choice(
            threshold, f"Finds at least {percent(target)} of all mismatches, on the mean."
        )
    for candidate in [
        threshold,
        *((grid(float(s)) + 1) * STEP for s in similarity[:passing][::-1]),
    ]:
        found = recall(labels, candidate, confidence=confidence)
        if found is not None and found.low >= target:
            return Choice(
                round(candidate, 3),
                f"Finds at least {percent(target)} of all mismatches ({percent(confidence)} sure).",
            )
    more = labels.audited  # the bound closes with the root of the number
    return NotEnoughLabels(
        f"Not enough labels: a recall of {percent(target)} is not shown with "
        f"{percent(confidence)} confidence; about {more:,} more products drawn by lot could show "
        "it.",
        more,
    )


def _are(count: int) -> str:
    return f"{'is' if count == 1 else 'are'} {count:,}"


def _drawn(count: int) -> str:
    return f"{count:,} product{' drawn by lot is' if count == 1 else 's drawn by lot are'}"
