"""How near the team page's working time comes to the truth, for fast and slow people.

    python -m benchmarks.working_time

Simulated people: the seconds for an item are lognormal (even or uneven work: sigma 0.5 or 0.8),
gamma, or of two kinds (three of ten items take five times as long). They take a break of 10 to 60
minutes after 75 minutes of work on the mean, and go home after four hours. Only the times between
their acts are looked at. The shares are of the true working time: the mean error and, after ±, its
spread from person to person; and the same where of each time two minutes count at most.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable

import numpy as np

from moderation.services.measures.working_time import working_time

MEDIANS = (20, 60, 180, 300, 600)  # seconds an item
Draw = Callable[[np.random.Generator, int], np.ndarray]


def kinds(median: float) -> dict[str, Draw]:
    """How long items may take, by name."""

    def lognormal(sigma: float) -> Draw:
        return lambda rng, count: median * np.exp(sigma * rng.standard_normal(count))

    def two_kinds(rng: np.random.Generator, count: int) -> np.ndarray:
        times = np.where(rng.random(count) < 0.7, 0.6 * median, 3.0 * median)
        return times * np.exp(0.5 * rng.standard_normal(count))

    return {
        "even": lognormal(0.5),
        "uneven": lognormal(0.8),
        "gamma": lambda rng, count: rng.gamma(2.0, median / 1.68, count),
        "two kinds": two_kinds,
    }


def person(rng: np.random.Generator, draw: Draw, *, acts: int) -> tuple[float, np.ndarray]:
    """The true working time in seconds, and the times between the acts."""
    work = draw(rng, acts)
    gaps, today = work.copy(), 0.0
    for place, seconds in enumerate(work):
        today += seconds
        if today > 4 * 3600:
            gaps[place] += 16 * 3600
            today = 0.0
        elif rng.random() < 1 - np.exp(-seconds / (75 * 60)):
            gaps[place] += rng.uniform(600, 3600)
    return float(work.sum()), gaps


def guessed(gaps: np.ndarray) -> float:
    """What the team page says, in seconds."""
    found = working_time(Counter(round(10 * gap) for gap in gaps))
    assert found is not None
    return found.total_seconds()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=300, help="simulated for each line")
    parser.add_argument("--acts", type=int, default=200, help="of each of them")
    options = parser.parse_args()
    print(
        "| seconds an item (median) | items | error | with two minutes at most |\n|---|---|---|---|"
    )
    for median in MEDIANS:
        for name, draw in kinds(median).items():
            rng = np.random.default_rng(1)
            errors, capped = [], []
            for _ in range(options.people):
                truth, gaps = person(rng, draw, acts=options.acts)
                errors.append(guessed(gaps) / truth - 1)
                capped.append(float(np.minimum(gaps, 120).sum()) / truth - 1)
            told = f"{np.mean(errors):+.0%} ± {np.std(errors):.0%}"
            print(f"| {median} | {name} | {told} | {np.mean(capped):+.0%} |")


if __name__ == "__main__":
    main()
