"""Whether thresholds by target keep their word where people judge in the queue's own order.

    python -m benchmarks.threshold_targets

Simulates the shops of `benchmarks.figures`: 500, 5,000 and 50,000 products of which 2, 5 and 20%
are wrong, drawn and handed out by the rules and the settings that are shipped. After 50, 200 and
1,000 decisions a threshold is chosen. A target is missed where the precision, or the recall, that
the threshold has in the shop is below it; where none is chosen, nothing is missed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from moderation.clip.statistics.cells import Answers, Listings
from moderation.clip.statistics.precision_threshold import by_precision
from moderation.clip.statistics.recall_threshold import by_recall
from moderation.clip.statistics.scores_grid import STEP
from moderation.clip.statistics.thresholds import ChosenThreshold, ThresholdAnswer

from .figures import DECISIONS, PRODUCTS, USUAL, WRONG, as_it_is
from .figures_shop import Shop
from .machine import machine


@dataclass(frozen=True)
class Target:
    """A share that the precision, or the recall, must reach."""

    kind: str
    amount: float
    confidence: float | None

    def __str__(self) -> str:
        sure = "on the mean" if self.confidence is None else f"{self.confidence:.0%} sure"
        return f"{self.kind} {self.amount:.0%}, {sure}"


TARGETS = (
    Target("precision", 0.5, 0.9),
    Target("precision", 0.8, 0.9),
    Target("precision", 0.9, 0.9),
    Target("recall", 0.6, None),
    Target("recall", 0.8, None),
    Target("recall", 0.6, 0.9),
    Target("recall", 0.8, 0.9),
)


class Case(NamedTuple):
    """A kind of shop, and after how many decisions."""

    products: int
    wrong: float
    decisions: int


def read(shop: Shop) -> tuple[Listings, Answers]:
    """As `estimates.present` reads the scores of a version: in steps of the grid, grouped."""
    there, said = shop.read()
    groups = np.stack([np.floor(there.scores / STEP + 1e-9).astype(int), there.draws])
    (steps, draws), place = np.unique(groups, axis=1, return_inverse=True)
    sizes = np.bincount(place.ravel())
    lots = np.bincount(place.ravel(), weights=there.lots).astype(int)
    answers = replace(said, scores=np.floor(said.scores / STEP + 1e-9))
    return Listings(steps.astype(float), draws, sizes, lots), answers


def choose(target: Target, listings: Listings, answers: Answers) -> ThresholdAnswer:
    if target.kind == "precision":
        confidence = target.confidence or 0.9
        return by_precision(listings, answers, target=target.amount, confidence=confidence)
    return by_recall(
        listings,
        answers,
        target=target.amount,
        confidence=target.confidence,
        present=round(USUAL / STEP),
    )


def measure(case: Case, targets: Sequence[Target], *, shops: int) -> Iterator[dict[str, Any]]:
    """A row for each target."""
    found: dict[Target, list[tuple[float, float]]] = {target: [] for target in targets}
    seconds: dict[Target, float] = defaultdict(float)
    for number in range(shops):
        shop = Shop(case.products, case.wrong, seed=number)
        as_it_is(shop, case.decisions)
        listings, answers = read(shop)
        for target in targets:
            started = time.process_time()
            answer = choose(target, listings, answers)
            seconds[target] += time.process_time() - started
            if isinstance(answer, ChosenThreshold):
                flagged = float((shop.scores < answer.threshold).mean())
                found[target].append((shop.truth(answer.threshold)[target.kind], flagged))
    for target, rows in found.items():
        reached = [value for value, _ in rows]
        yield case._asdict() | {
            "target": str(target),
            "shops": shops,
            "chosen": len(rows),
            "missed": sum(value < target.amount - 1e-9 for value in reached),
            "mean": round(float(np.mean(reached)), 3) if rows else None,
            "worst": round(min(reached), 3) if rows else None,
            "flagged": round(float(np.mean([part for _, part in rows])), 4) if rows else None,
            "seconds": round(seconds[target] / shops, 3),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", type=int, nargs="+", default=PRODUCTS)
    parser.add_argument("--wrong", type=float, nargs="+", default=WRONG)
    parser.add_argument("--decisions", type=int, nargs="+", default=DECISIONS)
    parser.add_argument("--shops", type=int, default=100, help="of each kind")
    parser.add_argument("--target", choices=["precision", "recall"], help="only these")
    parser.add_argument("--json", action="store_true", help="a row of JSON for each line")
    options = parser.parse_args()
    targets = [target for target in TARGETS if options.target in (None, target.kind)]
    if not options.json:
        print(machine(), flush=True)
    for case in itertools.product(options.products, options.wrong, options.decisions):
        for row in measure(Case(*case), targets, shops=options.shops):
            print(json.dumps(row) if options.json else as_text(row), flush=True)


def as_text(row: dict[str, Any]) -> str:
    shop = (
        f"{row['products']:6,} products, {row['wrong']:3.0%} wrong, {row['decisions']:5,} decisions"
    )
    said = f"{shop}, {row['target']:26}: chosen {row['chosen']:3} of {row['shops']}"
    said += f", missed {row['missed']:2}"
    if row["chosen"]:
        said += f"; reached {row['mean']:.2f}, at worst {row['worst']:.2f}"
        said += f"; flags {row['flagged']:.1%}"
    return f"{said}; {row['seconds']:.2f} s"


if __name__ == "__main__":
    main()
