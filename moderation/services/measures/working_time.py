"""How long somebody worked, guessed from the time between one act and the next.

What is longer than `TIMES` the person's own median is a break, at whose end they judged an item all
the same: for it the mean of the others counts. But no less than ten minutes is a break, so that a
hard listing counts in full for somebody fast, and all beyond forty minutes is one.
`benchmarks.working_time` tells how near this comes, for fast and slow people.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

TIMES = 7
SHORTEST_BREAK, LONGEST_WORK = timedelta(minutes=10), timedelta(minutes=40)
# Acts within less were one press: those of a grid.
ONE_PRESS = timedelta(seconds=0.3)
# With fewer, a few breaks taken for work, or hard listings for breaks, would decide.
LEAST_GAPS = 50

TENTH = timedelta(seconds=0.1)


def working_time(tenths: Mapping[int, int]) -> timedelta | None:
    """From how often each time between two acts, in tenths of a second, occurs; None of too few."""
    gaps = sorted((gap, number) for gap, number in tenths.items() if gap * TENTH >= ONE_PRESS)
    number = sum(times for _, times in gaps)
    if number < LEAST_GAPS:
        return None
    longest = min(max(TIMES * _median(gaps, number) * TENTH, SHORTEST_BREAK), LONGEST_WORK)
    worked = [(gap, times) for gap, times in gaps if gap * TENTH <= longest]
    counted = sum(times for _, times in worked)
    if not counted:
        return None  # nothing but breaks
    mean = sum(gap * times for gap, times in worked) / counted
    return number * mean * TENTH


def _median(gaps: list[tuple[int, int]], number: int) -> int:
    so_far = 0
    for gap, times in gaps:
        so_far += times
        if so_far >= number / 2:
            return gap
    return 0
