"""Whether the intervals of `evaluate` hold the truth, in shops that are judged as the queue goes.

    python -m benchmarks.evaluation_intervals --repetitions 200

Shops of made-up scores: a mismatch scores lower, and a candidate ranks a little better than the
model in force. The queue hands out as `rules.mixture` does, with the settings' defaults, until so
many decisions were made; the drawn ones of these are what both models are judged by. "Before" is
what was done until then: pairs weigh 1 / the probability of their first draw, and are drawn again
within match and mismatch.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from moderation.clip.statistics.assess import JudgedPairs, Scores, assess, told
from moderation.clip.statistics.bootstrap import Resampling, interval
from moderation.clip.statistics.catalogue_estimate import estimate
from moderation.clip.statistics.cells import Answers, Listings, parts_of
from moderation.clip.statistics.design import design_of
from moderation.clip.statistics.metrics import Flags, RankedPairs

from .machine import machine

AUDIT_SHARE, AUDIT_FLAGGED_SHARE, GOLD_SHARE = 0.02, 0.1, 0.1  # the settings' defaults
QUEUE_AUDIT_SHARE, QUEUE_UNCERTAIN_SHARE = 0.1, 0.2
NEAR_FACTOR, NEAR = 4.0, 0.08
THRESHOLD = 0.26
SIZES, WRONG, DECISIONS = (5000, 50_000), (0.02, 0.05, 0.2), (200, 1000)
WHAT = ("precision", "recall", "ap", "auc")
TIMES = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--products", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.json:
        print(machine(), f"{options.repetitions} shops each.", sep="\n", flush=True)
    found = {}
    for size, wrong, decisions in product(options.products, WRONG, DECISIONS):
        name = f"{size:,} products, {wrong:.0%} wrong, {decisions:,} decisions"
        found[name] = measure(size, wrong, decisions, repetitions=options.repetitions)
        if not options.json:
            print(as_text(name, found[name]), flush=True)
    if options.json:
        about = {"machine": machine(), "repetitions": options.repetitions, "shops": found}
        print(json.dumps(about, indent=2))


# ── A shop and its queue ──────────────────────────────────────────────────────────────────────
@dataclass
class Shop:
    """A catalogue of which the truth is known, and what was judged of it."""

    size: int
    wrong_share: float
    rng: np.random.Generator
    wrong: np.ndarray = field(init=False)  # [size] bool
    active: np.ndarray = field(init=False)  # [size] similarity
    candidate: np.ndarray = field(init=False)  # [size] similarity
    share: np.ndarray = field(init=False)  # [size] of the draw
    drawn: np.ndarray = field(init=False)  # [size] bool
    judged: np.ndarray = field(init=False)  # [size] bool

    def __post_init__(self) -> None:
        self.wrong = self.rng.random(self.size) < self.wrong_share
        self.judged = np.zeros(self.size, dtype=bool)
        hard = self.rng.normal(size=self.size)  # what is hard for one model is so for the other
        self.active = self._scored(hard, apart=0.29)
        self.candidate = self._scored(hard, apart=0.33)
        near = ~self.flagged & (self.active < THRESHOLD + NEAR)
        passed = AUDIT_SHARE * np.where(near, NEAR_FACTOR, 1.0)
        self.share = np.where(self.flagged, AUDIT_FLAGGED_SHARE, passed)
        gold = self.flagged & (self.rng.random(self.size) < GOLD_SHARE)
        self.drawn = (self.rng.random(self.size) < self.share) | gold

    def _scored(self, hard: np.ndarray, *, apart: float) -> np.ndarray:
        middle, spread = 0.46 - apart * self.wrong, np.where(self.wrong, 0.14, 0.11)
        return middle + spread * (0.6 * hard + 0.8 * self.rng.normal(size=self.size))

    @property
    def flagged(self) -> np.ndarray:
        """[size] bool, by the model in force."""
        return self.active < THRESHOLD

    @property
    def candidates_threshold(self) -> float:
        """It flags as much as the model in force."""
        return float(np.quantile(self.candidate, self.flagged.mean()))

    def judge(self, decisions: int) -> None:
        """The queue's order: suspicious, uncertain, drawn; an empty arm leaves its turn."""
        openly = np.flatnonzero(self.flagged & ~self.drawn)
        arms = {
            "suspicious": list(openly[np.argsort(-self.active[openly])]),
            "uncertain": list(openly[np.argsort(self.active[openly])]),  # nearest the threshold
            "audit": list(self.rng.permutation(np.flatnonzero(self.drawn))),
        }
        for number in self.rng.random(decisions):
            first = "suspicious"
            if number < QUEUE_AUDIT_SHARE:
                first = "audit"
            elif number < QUEUE_AUDIT_SHARE + QUEUE_UNCERTAIN_SHARE:
                first = "uncertain"
            for arm in (first, "suspicious", "uncertain", "audit"):
                while arms[arm] and self.judged[arms[arm][-1]]:
                    arms[arm].pop()
                if arms[arm]:
                    self.judged[arms[arm].pop()] = True
                    break

    def truth(self, scores: np.ndarray, threshold: float) -> dict[str, float]:
        labels, ones = (~self.wrong).astype(int), np.ones(self.size)
        figures = RankedPairs.of(labels, scores).under(ones)
        figures |= Flags(labels, scores < threshold).under(ones)
        return {what: float(figures[what]) for what in WHAT}


# ── What is told of it ────────────────────────────────────────────────────────────────────────
Told = dict[str, tuple[float | None, float, float]]  # value, low, high


def told_now(shop: Shop) -> dict[str, Told]:
    """As `evaluate` does: precision and recall of the model in force as on the page of quality."""
    draws = (shop.share * 10_000).astype(int)
    listings = Listings(shop.active, draws, np.ones(shop.size, int), shop.drawn.astype(int))
    rows = np.flatnonzero(shop.judged)
    said = shop.wrong[rows].astype(int)
    answers = Answers(shop.active[rows], draws[rows], said, shop.drawn[rows])
    parts = parts_of(listings, answers, threshold=THRESHOLD)
    lot = shop.drawn[rows]
    design = design_of(parts, answers).of(lot)
    judged = _pairs(shop, rows[lot], weights=design.weights, design=design)
    quality = estimate([part.cell for part in parts])
    found: dict[str, Told] = {}
    for name, scores, threshold in _models(shop):
        own, in_force = scores[rows[lot]], name == "active"
        report = assess(judged, Scores(own, own < threshold, in_force=in_force), times=TIMES)
        overall = report.get("overall", {})
        if in_force:
            overall |= {what: told(getattr(quality, what)) for what in ("precision", "recall")}
        found[name] = {what: ends for what in WHAT if (ends := _ends(overall.get(what)))}
    return found


def told_before(shop: Shop) -> dict[str, Told]:
    """Weights from the first draw; drawn again within class and stratum."""
    rows = np.flatnonzero(shop.judged & shop.drawn)
    of_flagged = 1 - (1 - AUDIT_FLAGGED_SHARE) * (1 - GOLD_SHARE)
    weights = 1 / np.where(shop.flagged[rows], of_flagged, shop.share[rows])
    judged = _pairs(shop, rows, weights=weights)
    if min(judged.matches, judged.mismatches) < 5:
        return {"active": {}, "candidate": {}}
    strata = np.where(shop.flagged[rows], "flagged", "audit")
    resampling = Resampling(judged.labels, judged.weights, strata=list(strata), times=TIMES)
    found: dict[str, Told] = {}
    for name, scores, threshold in _models(shop):
        ranking = RankedPairs.of(judged.labels, scores[rows])
        flags = Flags(judged.labels, scores[rows] < threshold)
        spread = resampling.spread(partial(_figures, ranking, flags))
        points = ranking.under(weights) | flags.under(weights)
        found[name] = {
            what: (float(points[what]), *ends) for what in WHAT if (ends := interval(spread[what]))
        }
    return found


def _figures(ranking: RankedPairs, flags: Flags, weights: np.ndarray) -> dict[str, np.ndarray]:
    return ranking.under(weights) | flags.under(weights)


def _models(shop: Shop) -> list[tuple[str, np.ndarray, float]]:
    return [
        ("active", shop.active, THRESHOLD),
        ("candidate", shop.candidate, shop.candidates_threshold),
    ]


def _pairs(shop: Shop, rows: np.ndarray, *, weights: np.ndarray, design: Any = None) -> JudgedPairs:
    return JudgedPairs(
        labels=(~shop.wrong[rows]).astype(int),
        weights=weights,
        groups=[str(row) for row in rows],
        categories=[""] * len(rows),
        kinds=[""] * len(rows),
        design=design,
    )


def _ends(answer: dict[str, Any] | None) -> tuple[float | None, float, float] | None:
    if not answer or "unknown" in answer:
        return None
    if "at_least" in answer:
        return None, answer["at_least"], 1.0
    return answer["value"], answer["low"], answer["high"]


# ── Coverage ──────────────────────────────────────────────────────────────────────────────────
def measure(size: int, wrong: float, decisions: int, *, repetitions: int) -> dict[str, Any]:
    """For each model and figure, before and now: how often told, bias, coverage, mean width."""
    rows: dict[str, list[tuple[float, float | None, float, float]]] = defaultdict(list)
    for number in range(repetitions):
        seed = [number, size, round(wrong * 1000), decisions]
        shop = Shop(size, wrong, np.random.default_rng(seed))
        shop.judge(decisions)
        truths = {name: shop.truth(scores, limit) for name, scores, limit in _models(shop)}
        for when, found in (("before", told_before(shop)), ("now", told_now(shop))):
            for name, figures in found.items():
                for what, (value, low, high) in figures.items():
                    rows[f"{name} {what} {when}"].append((truths[name][what], value, low, high))
    return {name: _score(found, repetitions) for name, found in sorted(rows.items())}


def _score(
    rows: list[tuple[float, float | None, float, float]], repetitions: int
) -> dict[str, float | None]:
    """Of what was told as a value with an interval, and of what only as "at least"."""
    values = np.array([row for row in rows if row[1] is not None], dtype=float)
    least = np.array([(row[0], row[2]) for row in rows if row[1] is None])
    found: dict[str, float | None] = dict.fromkeys(("bias", "covered", "width", "true"))
    if len(values):
        truth, value, low, high = values.T
        inside = (low - 1e-9 <= truth) & (truth <= high + 1e-9)
        for name, column in (("bias", value - truth), ("covered", inside), ("width", high - low)):
            found[name] = round(float(column.mean()), 3)
    if len(least):
        found["true"] = round(float((least[:, 1] <= least[:, 0] + 1e-9).mean()), 3)
    shares = {"as_value": len(values) / repetitions, "as_least": len(least) / repetitions}
    return {name: round(share, 3) for name, share in shares.items()} | found


def as_text(name: str, figures: dict[str, dict[str, float | None]]) -> str:
    lines = [name]
    for what, f in figures.items():
        bias = "" if f["bias"] is None else f"{f['bias']:+.3f}"
        lines.append(
            f"  {what:27} value {f['as_value']:.2f} (bias {bias:6}, covered "
            f"{_share(f['covered'])}, width {_share(f['width'])}); "
            f"at least {f['as_least']:.2f} ({_share(f['true'])} true)"
        )
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "  –  " if value is None else f"{value:.3f}"


if __name__ == "__main__":
    main()
