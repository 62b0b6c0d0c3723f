"""How often one of twenty equal challengers passes the gate, and how often a better one still does.

    python -m benchmarks.gate_attempts ../shared/catalogue

The pairs of val_pairs.csv, scored by the bundled model, make up what a gate judges by. "even": so
many mismatches and twice as many matches, all of equal weight. "drawn": as gold and audit are drawn
from a shop with 5% mismatches (flagged 19%, near the threshold 8%, far 2%), weighted accordingly.
The active version is the bundled one's similarity with noise; equal challengers have noise of their
own of the same size, the better one has a third of it. Each set is asked about twenty times.
"before" is the rule that did not count: 99% of the resamples above zero. "Ladder" (Blum and Hardt
2015) wants one standard error at each attempt, however many there were.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moderation.clip.statistics.assess import JudgedPairs
from moderation.clip.statistics.bootstrap import lower_bound
from moderation.clip.statistics.gate_better import SMALLEST_GAIN, surely_above
from moderation.clip.statistics.metrics import RankedPairs

from .calibration import Pairs, load
from .machine import machine

ATTEMPTS, RESAMPLES = 20, 1000
NOISE, BETTER = 0.15, 0.05
ASKED_AT = (1, 3, 10)
FLAGGED, GOLD, NEAR, FAR = 0.06, 0.19, 0.08, 0.02
NEAR_MARGIN, PREVALENCE = 0.08, 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("--cache", type=Path, default=Path("calibration-vectors.npz"))
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--even", type=int, nargs="*", default=[30, 60, 120])
    parser.add_argument("--drawn", type=int, nargs="*", default=[30, 60])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pairs = load(options.catalogue, options.cache)
    rows = []
    for design in ("even", "drawn"):
        for mismatches in getattr(options, design):
            rows.append(measured(pairs, design, mismatches=mismatches, sets=options.sets))
            if not options.json:
                print(as_text(rows[-1]), flush=True)
    if options.json:
        print(json.dumps({"machine": machine(), "rows": rows}, indent=2))


def measured(pairs: Pairs, design: str, *, mismatches: int, sets: int) -> dict[str, Any]:
    """Shares of sets in which one of the equal challengers passed, and of better ones that did."""
    passed: dict[str, list[bool]] = {}
    for seed in range(sets):
        random = np.random.default_rng(seed)
        judged = JudgedBy.made(pairs, design, mismatches=mismatches, random=random)
        equal = [judged.compared(NOISE, random) for _ in range(ATTEMPTS)]
        better = judged.compared(BETTER, random)
        tries = list(enumerate(equal, 1))
        found = {
            "first before": equal[0].before,
            "any before": any(one.before for one in equal),
            "first": equal[0].passes(1),
            "any": any(one.passes(attempt) for attempt, one in tries),
            "any ladder": any(one.ladder for one in equal),
            "better before": better.before,
            **{f"better at {attempt}": better.passes(attempt) for attempt in ASKED_AT},
        }
        for name, did in found.items():
            passed.setdefault(name, []).append(did)
    shares = {name: round(float(np.mean(values)), 4) for name, values in passed.items()}
    return {"design": design, "mismatches": mismatches, "sets": sets, **shares}


@dataclass(frozen=True)
class Compared:
    """One challenger beside the active version."""

    judged: JudgedPairs
    change: float
    values: np.ndarray  # [RESAMPLES] the change in each

    @property
    def before(self) -> bool:
        return self.change >= SMALLEST_GAIN and lower_bound(self.values, level=0.99) > 0

    @property
    def ladder(self) -> bool:
        return self.change > float(np.std(self.values, ddof=1))

    def passes(self, attempt: int) -> bool:
        low = surely_above(self.change, self.values, self.judged, attempt)
        return self.change >= SMALLEST_GAIN and low > 0


@dataclass(frozen=True)
class JudgedBy:
    """What a gate judges by: pairs with the noiseless similarity, and the active version's AP."""

    judged: JudgedPairs
    own: np.ndarray
    weights: np.ndarray  # [RESAMPLES, n]
    ap: tuple[float, np.ndarray]

    @classmethod
    def made(
        cls, pairs: Pairs, design: str, *, mismatches: int, random: np.random.Generator
    ) -> JudgedBy:
        if design == "even":
            shop = _shop(pairs, mismatches, 2 * mismatches, random)
            active = shop.scores + random.normal(scale=NOISE, size=len(shop.scores))
            chance = np.ones(len(active))
        else:
            products = round(mismatches / PREVALENCE / GOLD)
            wrong = round(PREVALENCE * products)
            shop = _shop(pairs, wrong, products - wrong, random)
            active = shop.scores + random.normal(scale=NOISE, size=len(shop.scores))
            threshold = np.quantile(active, FLAGGED)
            near = np.where(active < threshold + NEAR_MARGIN, NEAR, FAR)
            chance = np.where(active < threshold, GOLD, near)
            drawn = np.flatnonzero(random.random(products) < chance)
            shop, active, chance = shop.take(drawn), active[drawn], chance[drawn]
        judged = JudgedPairs(
            labels=(~shop.wrong).astype(int),
            weights=1 / chance,
            groups=[str(number) for number in range(len(active))],
            categories=[""] * len(active),
            kinds=[""] * len(active),
            strata=["flagged" if share == GOLD else "passed" for share in chance],
        )
        resampling = judged.resampling(times=RESAMPLES, seed=int(random.integers(2**31)))
        weights = np.concatenate(list(resampling.blocks()))
        return cls(judged, shop.scores, weights, _ap(judged, weights, active))

    def compared(self, noise: float, random: np.random.Generator) -> Compared:
        similarity = self.own + random.normal(scale=noise, size=len(self.own))
        ap, values = _ap(self.judged, self.weights, similarity)
        return Compared(self.judged, ap - self.ap[0], values - self.ap[1])


def _shop(pairs: Pairs, wrong: int, right: int, random: np.random.Generator) -> Pairs:
    drawn = [
        random.choice(np.flatnonzero(kind), count)
        for kind, count in ((pairs.wrong, wrong), (~pairs.wrong, right))
    ]
    return pairs.take(np.concatenate(drawn))


def _ap(
    judged: JudgedPairs, weights: np.ndarray, similarity: np.ndarray
) -> tuple[float, np.ndarray]:
    ranked = RankedPairs.of(judged.labels, similarity)
    return float(ranked.under(judged.weights)["ap"]), ranked.under(weights)["ap"]


def as_text(row: dict[str, Any]) -> str:
    better = ", ".join(
        f"attempt {attempt} {row[f'better at {attempt}']:.1%}" for attempt in ASKED_AT
    )
    return (
        f"{row['design']:5} {row['mismatches']:3} mismatches, {row['sets']} sets: one of "
        f"{ATTEMPTS} equal ones passed in {row['any before']:.1%} before and {row['any']:.1%} now "
        f"(the first in {row['first before']:.1%} and {row['first']:.1%}; "
        f"Ladder {row['any ladder']:.1%}); "
        f"a better one in {row['better before']:.1%} before, now at {better}"
    )


if __name__ == "__main__":
    main()
