"""The report on one model: every figure with its interval, in all and by category and kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bootstrap import Resampling, interval
from .metrics import Flags, Probabilities, RankedPairs, precision_recall

RECALLS = (0.8, 0.9)
# Fewer of a class than this, and a figure would say more about chance than about the model.
FEWEST = 5
LEVEL = 0.95


@dataclass(frozen=True)
class JudgedPairs:
    """n labelled pairs; each list has one entry per pair. Groups never count as separate draws."""

    labels: np.ndarray  # [n] 1 match, 0 mismatch
    weights: np.ndarray  # [n] how many pairs of the shop each stands for
    groups: Sequence[str]
    categories: Sequence[str]  # "" where unknown
    kinds: Sequence[str]  # of mismatch, "" where unknown
    strata: Sequence[str] | None = None  # how each came to be judged

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def matches(self) -> int:
        return int(np.count_nonzero(self.labels))

    @property
    def mismatches(self) -> int:
        return len(self) - self.matches

    def resampling(self, *, times: int, seed: int = 0) -> Resampling:
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


def assess(
    judged: JudgedPairs, scores: Scores, *, times: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Counts, `overall` figures as {value, low, high}, the slices, and the points of the plots.

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
    """Each slice with its counts and figures; all slices are read off the same resamples."""
    parts = {name: _Part(judged, scores, rows) for name, rows in slices.items()}

    def figures(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {
            f"{name}\n{figure}": value
            for name, part in parts.items()
            for figure, value in part.under(weights[..., part.rows]).items()
        }

    spread = judged.resampling(times=times, seed=seed).spread(figures)
    points = figures(np.asarray(judged.weights, dtype=np.float64))
    measured = {name: part.counts() | {"figures": {}} for name, part in parts.items()}
    for key, value in points.items():
        name, _, figure = key.partition("\n")
        ends = interval(spread[key], level=LEVEL)
        if np.isfinite(value):
            low, high = ends or (None, None)
            measured[name]["figures"][figure] = {"value": float(value), "low": low, "high": high}
    return measured


class _Part:
    """The rows of one slice, ready to be measured under many weights."""

    def __init__(self, judged: JudgedPairs, scores: Scores, rows: np.ndarray) -> None:
        self.rows = rows
        self.labels = np.asarray(judged.labels)[rows]
        self.ranking = RankedPairs.of(self.labels, np.asarray(scores.similarity)[rows])
        self.flags = Flags(self.labels, np.asarray(scores.flagged)[rows])
        p = scores.p_mismatch
        self.probabilities = Probabilities(self.labels, p[rows]) if p is not None else None

    def counts(self) -> dict[str, Any]:
        matches = int(self.labels.sum())
        return {"matches": matches, "mismatches": len(self.labels) - matches}

    def under(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        figures = self.ranking.under(weights, recalls=RECALLS) | self.flags.under(weights)
        return figures | (self.probabilities.under(weights) if self.probabilities else {})
