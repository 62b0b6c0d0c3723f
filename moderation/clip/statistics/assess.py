"""The report on one model: every figure with its interval, in all and by category and kind.

A figure that these labels cannot tell is not told: until `TOLD_FROM` mismatches that the model in
force missed were found, only that one is at least so much, and nothing where the interval is wider
than `WIDEST`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bootstrap import Resampling
from .catalogue_estimate import TOLD_FROM, WIDEST, Answer, AtLeast, Figure, Unknown
from .design import Design
from .design_bootstrap import COPIES, Redrawing
from .metrics import Flags, Probabilities, RankedPairs, precision_recall
from .weights import effective_size

RECALLS = (0.8, 0.9)
# Fewer of a class than this, and a figure would say more about chance than about the model.
FEWEST = 5
LEVEL = 0.95
# What rises and falls with how many mismatches were missed.
_OF_THE_MISSED = {"auc", "ap", "f1", "recall", *(f"precision_at_{recall:g}" for recall in RECALLS)}
_TOO_MANY_UNKNOWN = 0.05  # of the draws


@dataclass(frozen=True)
class JudgedPairs:
    """n labelled pairs; each list has one entry per pair. Groups never count as separate draws."""

    labels: np.ndarray  # [n] 1 match, 0 mismatch
    weights: np.ndarray  # [n] how many pairs of the shop each stands for
    groups: Sequence[str]
    categories: Sequence[str]  # "" where unknown
    kinds: Sequence[str]  # of mismatch, "" where unknown
    strata: Sequence[str] | None = None  # why each came into the queue
    design: Design | None = None  # from which cells of the catalogue they were drawn

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def matches(self) -> int:
        return int(np.count_nonzero(self.labels))

    @property
    def mismatches(self) -> int:
        return len(self) - self.matches

    def resampling(self, *, times: int, seed: int = 0) -> Resampling:
        """Within each class: what the gate compares two models by, on the very same pairs."""
        return Resampling(
            labels=self.labels,
            weights=self.weights,
            groups=self.groups,
            strata=self.strata,
            times=times,
            seed=seed,
        )


@dataclass(frozen=True)
class Scores:
    """What one model says of the same n pairs."""

    similarity: np.ndarray  # [n]
    flagged: np.ndarray  # [n] bool, by the threshold that is deployed
    p_mismatch: np.ndarray | None = None  # [n], None while nothing was calibrated
    in_force: bool = False  # the flags are those by which the catalogue is divided


def assess(
    judged: JudgedPairs, scores: Scores, *, times: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Counts, `overall` figures as `told` writes them, the slices, and the points of the plots.

    Where a class has fewer than `FEWEST` pairs there are no figures but a sentence, `too_few`.
    """
    sentence = too_few(judged)
    report: dict[str, Any] = {
        "pairs": len(judged),
        "matches": judged.matches,
        "mismatches": judged.mismatches,
        "level": LEVEL,
        "resamples": times,
    }
    if sentence:
        return report | {"too_few": sentence}
    slices = {"overall": np.arange(len(judged)), **_slices(judged)}
    measured = _measured(judged, scores, slices, times=times, seed=seed)
    report["overall"] = measured.pop("overall")["figures"]
    for axis in ("category", "kind"):
        report[f"by_{axis}"] = [
            {"name": name.partition(":")[2], **row}
            for name, row in measured.items()
            if name.startswith(f"{axis}:")
        ]
    report["curve"] = precision_recall(judged.labels, scores.similarity, weights=judged.weights)
    if scores.p_mismatch is not None:
        probabilities = Probabilities(judged.labels, scores.p_mismatch)
        report["reliability"] = probabilities.reliability(judged.weights)
    return report


def too_few(judged: JudgedPairs, *, fewest: int = FEWEST) -> str:
    """The sentence that says what is missing, or nothing where there is enough of both classes."""
    if judged.matches >= fewest and judged.mismatches >= fewest:
        return ""
    return (
        f"Not enough labels: {judged.mismatches} mismatches and {judged.matches} matches; at "
        f"least {fewest} of each are needed."
    )


def _slices(judged: JudgedPairs) -> dict[str, np.ndarray]:
    """“category:NAME” and “kind:NAME” -> the positions of its pairs, with enough of both classes.

    A kind that has one class only (“colour swapped”) is measured against all of the other class.
    """
    found: dict[str, np.ndarray] = {}
    matching = np.asarray(judged.labels) == 1
    for axis, values in (("category", judged.categories), ("kind", judged.kinds)):
        names = np.asarray(values)
        for name in sorted(set(values) - {""}):
            inside = names == name
            if axis == "kind":
                if matching[inside].all():
                    continue  # no kind of mismatch
                if not matching[inside].any():
                    inside = inside | matching
            if min(matching[inside].sum(), (~matching[inside]).sum()) >= FEWEST:
                found[f"{axis}:{name}"] = np.flatnonzero(inside)
    return found


def _measured(
    judged: JudgedPairs, scores: Scores, slices: dict[str, np.ndarray], *, times: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Each slice with its counts and figures; all slices are read off the same draws."""
    parts = {name: _Part(judged, scores, rows, name=name) for name, rows in slices.items()}

    def figures(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {
            f"{name}\n{figure}": value
            for name, part in parts.items()
            for figure, value in part.under(weights[..., part.copies]).items()
        }

    redrawing = Redrawing(
        labels=np.asarray(judged.labels),
        weights=np.asarray(judged.weights, dtype=np.float64),
        groups=judged.groups,
        design=judged.design,
        flagged=None if scores.in_force else np.asarray(scores.flagged, dtype=bool),
        times=times,
        seed=seed,
    )
    spread = redrawing.spread(figures)
    points = figures(np.concatenate([redrawing.weights, np.zeros((COPIES - 1) * len(judged))]))
    measured = {name: part.counts() | {"figures": {}} for name, part in parts.items()}
    for key, value in points.items():
        name, _, figure = key.partition("\n")
        if np.isfinite(value):
            answer = parts[name].answer(figure, float(value), spread[key])
            measured[name]["figures"][figure] = answer
    return measured


class _Part:
    """The rows of one slice, ready to be measured under many weights."""

    def __init__(self, judged: JudgedPairs, scores: Scores, rows: np.ndarray, *, name: str) -> None:
        # The opposite truth of a pair would be of no kind.
        copies = 1 if name.startswith("kind:") else COPIES
        self.copies = np.concatenate([rows + copy * len(judged) for copy in range(copies)])
        self.labels = np.asarray(judged.labels)[rows]
        self.flagged = np.asarray(scores.flagged, dtype=bool)[rows]
        self.weights = np.asarray(judged.weights, dtype=np.float64)[rows]
        self.design = judged.design.of(rows) if judged.design else None
        labels = np.concatenate([self.labels, 1 - self.labels, self.labels][:copies])
        flagged = np.concatenate([self.flagged, self.flagged, ~self.flagged][:copies])
        self.ranking = RankedPairs.of(labels, np.tile(np.asarray(scores.similarity)[rows], copies))
        self.flags = Flags(labels, flagged)
        p = scores.p_mismatch
        self.probabilities = (
            Probabilities(labels, np.tile(p[rows], copies)) if p is not None else None
        )

    def counts(self) -> dict[str, Any]:
        matches = int(self.labels.sum())
        return {"matches": matches, "mismatches": len(self.labels) - matches}

    def under(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        figures = self.ranking.under(weights, recalls=RECALLS) | self.flags.under(weights)
        return figures | (self.probabilities.under(weights) if self.probabilities else {})

    def answer(self, figure: str, value: float, spread: np.ndarray) -> dict[str, Any]:
        """What may be told of a figure with these values in the draws, [2, times]."""
        if np.isfinite(spread).mean() < 1 - _TOO_MANY_UNKNOWN:
            return {"value": value, "low": None, "high": None}
        if self.design is not None and figure in _OF_THE_MISSED and self._too_few_missed(figure):
            return told(AtLeast(float(np.nanquantile(spread, 1 - LEVEL, axis=1).min())))
        if figure == "precision" and self._few_flagged:
            return told(Unknown("Unknown: too few of the flagged were judged by lot."))
        tail = (1 - LEVEL) / 2
        low = min(float(np.nanquantile(spread, tail, axis=1).min()), value)
        high = max(float(np.nanquantile(spread, 1 - tail, axis=1).max()), value)
        if self.design is not None and high - low > WIDEST:
            why = f"Unknown: so few labels leave anything from {low:.0%} to {high:.0%} open."
            return told(Unknown(why))
        return told(Figure(value, low, high))

    @property
    def _few_flagged(self) -> bool:
        return self.design is not None and effective_size(self.weights[self.flagged]) < FEWEST

    def _too_few_missed(self, figure: str) -> bool:
        """Whether too few of the mismatches that were missed are known."""
        assert self.design is not None
        wrong = (self.labels == 0) & (self.design.cells >= 0)
        missed = [wrong & ~self.design.flagged[self.design.cells]]
        if figure in ("recall", "f1"):
            missed.append(wrong & ~self.flagged)  # by these scores
        few = any(rows.sum() < TOLD_FROM for rows in missed)
        return few or effective_size(self.weights[wrong]) < FEWEST


def told(answer: Answer) -> dict[str, Any]:
    """An answer as reports keep it: value, low and high, or at_least, or why it is unknown."""
    if isinstance(answer, Figure):
        return {"value": answer.value, "low": answer.low, "high": answer.high}
    if isinstance(answer, AtLeast):
        return {"at_least": answer.low}
    return {"unknown": answer.why}
