"""Working time, guessed from the time between acts, for people of whom the truth is known."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest

from moderation.services.measures.working_time import LEAST_GAPS, working_time


def person(
    rng: np.random.Generator, *, median: float, sigma: float, acts: int
) -> tuple[float, Counter[int]]:
    """True seconds of work with lognormal times an item, and the gaps, with breaks and nights."""
    work = median * np.exp(sigma * rng.standard_normal(acts))
    on_break = rng.random(acts) < 1 - np.exp(-work / (75 * 60))
    gaps = work + on_break * rng.uniform(600, 3600, acts)
    gaps[np.cumsum(work) // (4 * 3600) > np.cumsum(work - 1) // (4 * 3600)] += 16 * 3600
    return float(work.sum()), Counter(round(10 * gap) for gap in gaps)


@pytest.mark.parametrize("median", [20, 60, 180, 300, 600])
@pytest.mark.parametrize("sigma", [0.4, 0.6])
def test_it_is_within_a_tenth_for_fast_and_for_slow_people(median: float, sigma: float) -> None:
    rng, errors = np.random.default_rng(7), []
    for _ in range(60):
        truth, gaps = person(rng, median=median, sigma=sigma, acts=200)
        found = working_time(gaps)
        assert found is not None
        errors.append(found.total_seconds() / truth - 1)

    assert abs(np.mean(errors)) <= 0.1
    assert np.std(errors) <= 0.1


def test_a_break_counts_like_an_item() -> None:
    gaps = Counter({100: 59, 25 * 600: 1, 16 * 36_000: 1})  # 10 s each, a break, a night

    assert working_time(gaps) == timedelta(seconds=610)


def test_a_hard_listing_of_somebody_fast_is_no_break() -> None:
    assert working_time(Counter({100: 59, 9 * 600: 1})) == timedelta(seconds=1130)


def test_what_a_grid_decides_at_once_is_one_act() -> None:
    assert working_time(Counter({600: LEAST_GAPS, 0: 400, 1: 150})) == timedelta(minutes=LEAST_GAPS)


@pytest.mark.parametrize("gaps", [{}, {100: LEAST_GAPS - 1}, {0: 500}, {36_000: LEAST_GAPS}])
def test_of_too_few_acts_nothing_is_told(gaps: dict[int, int]) -> None:
    assert working_time(Counter(gaps)) is None
