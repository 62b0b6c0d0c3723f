"""Many made-up mismatches and a few decided ones together say how far an adaptation goes."""

from __future__ import annotations

import numpy as np

from moderation.clip.finetune.adaptation.evidence import MADE_UP, Evidence, judged

RATIOS = (0.0, 0.5, 1.0)


def holdout(count: int, *, gain: float, seed: int, of_others: float = 0.0) -> Evidence:
    """As many matches as mismatches, which lie `gain` times the ratio further apart."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], count)
    noise, change = rng.normal(size=2 * count), rng.normal(size=2 * count)
    cosines = {ratio: noise + ratio * change / 2 + (1 + ratio * gain) * labels for ratio in RATIOS}
    return Evidence(labels, cosines, of_others)


def best(*evidence: Evidence) -> float:
    found = judged(evidence, ratios=RATIOS, seed=0)
    return max(RATIOS, key=lambda ratio: found[ratio])


def test_fifteen_decided_mismatches_do_not_overrule_what_the_listings_clearly_tell() -> None:
    made = holdout(300, gain=1.5, seed=1, of_others=MADE_UP)
    few = holdout(15, gain=-0.3, seed=2)

    assert best(few) == 0.0
    assert best(made, few) == 1.0


def test_many_decided_mismatches_overrule_the_made_up_ones() -> None:
    made = holdout(300, gain=0.3, seed=1, of_others=MADE_UP)
    many = holdout(600, gain=-0.5, seed=3)

    assert best(made) == 1.0
    assert best(made, many) == 0.0


def test_no_number_of_made_up_mismatches_weighs_more_than_their_strangeness_allows() -> None:
    made = holdout(20_000, gain=0.5, seed=1, of_others=MADE_UP)

    assert made.weight(seed=0) < 1 / MADE_UP**2 < holdout(20_000, gain=0.5, seed=1).weight(seed=0)


def test_a_holdout_of_matches_alone_tells_nothing() -> None:
    matches = Evidence(np.ones(5, dtype=int), {ratio: np.arange(5.0) for ratio in RATIOS})
    empty = Evidence(np.zeros(0, dtype=int), {ratio: np.zeros(0) for ratio in RATIOS})
    made = holdout(50, gain=1.0, seed=1)

    assert judged([matches, empty], ratios=RATIOS, seed=0) == dict.fromkeys(RATIOS, 0.0)
    assert judged([matches, empty, made], ratios=RATIOS, seed=0) == judged(
        [made], ratios=RATIOS, seed=0
    )
