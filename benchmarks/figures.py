"""How far the figures of the pages can be trusted: bias and coverage in shops whose truth is known.

    python -m benchmarks.figures --state /tmp/figures.jsonl

Shops of 500, 5,000 and 50,000 products, of which 2, 5 and 20% are wrong, are judged by the queue's
own order until 50, 200 or 1,000 decisions, with histories: thresholds, shares of the sample and
models changed on the way, listings changed, items that nobody can tell. What is found is kept in
the state, so that a run goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from moderation.clip.statistics.catalogue_estimate import AtLeast, Figure, estimate

from .figures_shop import Shop
from .machine import machine

PRODUCTS, WRONG, DECISIONS = (500, 5000, 50_000), (0.02, 0.05, 0.2), (50, 200, 1000)
WHAT = ("prevalence", "precision", "recall")
# Figures of a threshold that is not in force, as the thresholds page shows them.
OTHER = ("precision above", "recall above")
ABOVE = 0.06
LOW, USUAL, HIGH = 0.20, 0.26, 0.32  # thresholds: few, some and many are flagged


# ── Histories ─────────────────────────────────────────────────────────────────────────────────
def as_it_is(shop: Shop, decisions: int) -> None:
    shop.score()
    shop.follow(USUAL)
    shop.judge(decisions)


def threshold_down(shop: Shop, decisions: int) -> None:
    _moved(shop, decisions, HIGH, LOW)


def threshold_up(shop: Shop, decisions: int) -> None:
    _moved(shop, decisions, LOW, HIGH)


def just_down(shop: Shop, decisions: int) -> None:
    shop.score()
    shop.follow(HIGH)
    shop.judge(decisions)
    shop.follow(LOW)


def _moved(shop: Shop, decisions: int, first: float, then: float) -> None:
    shop.score()
    shop.follow(first)
    shop.judge(decisions // 2)
    shop.follow(then)
    shop.judge(decisions - decisions // 2)


def larger_sample(shop: Shop, decisions: int) -> None:
    shop.score()
    shop.follow(USUAL)
    shop.judge(decisions // 2)
    shop.follow(USUAL, audit_share=0.05)
    shop.judge(decisions - decisions // 2)


def one_promotion(shop: Shop, decisions: int) -> None:
    _promoted(shop, decisions, strengths=(1.0, 1.15))


def three_promotions(shop: Shop, decisions: int) -> None:
    _promoted(shop, decisions, strengths=(1.0, 1.1, 1.2, 1.3))


def _promoted(shop: Shop, decisions: int, *, strengths: tuple[float, ...]) -> None:
    for strength in strengths:
        shop.score(strength)
        shop.follow(USUAL)
        shop.judge(decisions // len(strengths))


def a_tenth_changed(shop: Shop, decisions: int) -> None:
    shop.score()
    shop.follow(USUAL)
    shop.judge(decisions // 2)
    shop.change(0.1)
    shop.follow(USUAL)
    shop.judge(decisions - decisions // 2)


def skipped_by_all(shop: Shop, decisions: int) -> None:
    shop.skipped = (0.2, 0.05)
    as_it_is(shop, decisions)


def flagged_judged_whole(shop: Shop, decisions: int) -> None:
    as_it_is(shop, decisions)
    shop.judge_all_flagged()


HISTORIES: dict[str, Callable[[Shop, int], None]] = {
    history.__name__.replace("_", " "): history
    for history in (
        as_it_is,
        threshold_down,
        threshold_up,
        just_down,
        larger_sample,
        one_promotion,
        three_promotions,
        a_tenth_changed,
        skipped_by_all,
        flagged_judged_whole,
    )
}


# ── Runs ──────────────────────────────────────────────────────────────────────────────────────
class Case(NamedTuple):
    products: int
    wrong: float
    decisions: int
    history: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--state", type=Path, required=True, help="a file that results go to")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--histories", nargs="+", choices=HISTORIES, default=list(HISTORIES))
    options = parser.parse_args()
    known = dict(_read(options.state))
    cases = itertools.product(PRODUCTS, WRONG, DECISIONS, options.histories)
    left = [case for case in itertools.starmap(Case, cases) if case not in known]
    with ProcessPoolExecutor(options.processes) as pool, options.state.open("a") as state:
        found = pool.map(measure, left, itertools.repeat(options.repetitions))
        for case, figures in zip(left, found, strict=True):
            known[case] = figures
            print(json.dumps([case, figures]), file=state, flush=True)
    print(f"{machine()}; {options.repetitions} repetitions")
    print(as_text(known))


def _read(path: Path) -> Iterator[tuple[Case, dict[str, Any]]]:
    for line in path.read_text().splitlines() if path.exists() else ():
        case, figures = json.loads(line)
        yield Case(*case), figures


def measure(case: Case, repetitions: int) -> dict[str, dict[str, float]]:
    """Of each figure: how often it is told, its bias, how often its interval holds the truth."""
    rows: dict[str, list[tuple[float, ...]]] = {what: [] for what in (*WHAT, *OTHER)}
    for seed in range(repetitions):
        shop = Shop(case.products, case.wrong, seed=seed)
        HISTORIES[case.history](shop, case.decisions)
        for names, threshold in ((WHAT, None), (OTHER, shop.threshold + ABOVE)):
            told, truth = estimate(shop.cells(threshold)), shop.truth(threshold)
            for name in names:
                what = name.split()[0]
                rows[name].append(_row(getattr(told, what), truth[what]))
    return {what: _summary(np.array(found)) for what, found in rows.items()}


def _row(told: Any, truth: float) -> tuple[float, ...]:
    """(told, with a value, error, holds the truth, width)"""
    if isinstance(told, AtLeast):
        return 1, 0, np.nan, told.low <= truth, np.nan
    if not isinstance(told, Figure):
        return 0, 0, np.nan, np.nan, np.nan
    inside = told.low - 1e-9 <= truth <= told.high + 1e-9
    return 1, 1, told.value - truth, inside, told.high - told.low


def _summary(rows: np.ndarray) -> dict[str, float]:
    def mean(column: int) -> float:
        known = rows[np.isfinite(rows[:, column]), column]
        return round(float(known.mean()), 4) if len(known) else float("nan")

    names = ("told", "value", "bias", "coverage", "width")
    return {name: mean(number) for number, name in enumerate(names)}


# ── Tables ────────────────────────────────────────────────────────────────────────────────────
OFTEN = 0.8  # a bias is told of what is shown so often: what is shown by luck is biased by luck


def as_text(known: dict[Case, dict[str, Any]]) -> str:
    """Two tables: by history over all shops, and by shop where nothing happens on the way."""
    names = (*WHAT, *(f"{what}*" for what in ("precision", "recall")))
    lines = [f"| history | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for history in dict.fromkeys(case.history for case in known):
        rows = [figures for case, figures in known.items() if case.history == history]
        cells = (_all([row[what] for row in rows]) for what in (*WHAT, *OTHER))
        lines.append(f"| {history} | {' | '.join(cells)} |")
    lines += ["", "| products | wrong | decisions | prevalence | precision | recall |"]
    lines += ["|---|---|---|---|---|---|"]
    for case, figures in known.items():
        if case.history == "as it is":
            one = " | ".join(_one(figures[what]) for what in WHAT)
            lines.append(f"| {case.products:,} | {case.wrong:.0%} | {case.decisions:,} | {one} |")
    return "\n".join(lines)


def _all(rows: list[dict[str, float]]) -> str:
    """How often it is told, how often that holds the truth, the greatest bias of what often is."""
    told = np.array([row["told"] for row in rows])
    covered = np.array([row["coverage"] if row["told"] else 0.0 for row in rows])
    biases = [abs(row["bias"]) for row in rows if min(row["told"], row["value"]) >= OFTEN]
    bias = f", {max(biases):.3f}" if biases else ""
    return f"{told.mean():.0%}: {(told * covered).sum() / max(told.sum(), 1e-9):.1%}{bias}"


def _one(row: dict[str, float]) -> str:
    """The same of one kind of shop; a bias luck would make, of what is told rarely, is left out."""
    if not row["told"]:
        return "never"
    bias = f", {row['bias']:+.3f}" if min(row["told"], row["value"]) >= OFTEN else ""
    return f"{row['told']:.0%}: {row['coverage']:.0%}{bias}"


if __name__ == "__main__":
    main()
