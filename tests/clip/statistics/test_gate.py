"""The gate's rule on made-up scores: what passes, what is refused, and how often by chance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from moderation.clip.statistics import gate
from moderation.clip.statistics.assess import JudgedPairs, Scores
from moderation.clip.statistics.gate_better import allowed_error, better, ordinal

pytestmark = pytest.mark.slow


def pairs(seed: int, n: int = 400, *, categories: int = 4) -> JudgedPairs:
    rng = np.random.default_rng(seed)
    return JudgedPairs(
        labels=(rng.random(n) < 0.6).astype(int),
        weights=np.ones(n),
        groups=[str(i) for i in range(n)],
        categories=[f"c{i % categories}" for i in range(n)],
        kinds=[""] * n,
    )


def scores(judged: JudgedPairs, seed: int, *, gap: float, noise: float = 1.0) -> Scores:
    """Similarities with a part that is the pair's own (by its number), and one of this seed."""
    n = len(judged)
    own = np.random.default_rng(99).normal(size=n)
    similarity = gap * judged.labels + own + noise * np.random.default_rng(seed).normal(size=n)
    return Scores(similarity, similarity < 0, 1 / (1 + np.exp(2 * similarity - gap)))


def failed(checks: list[gate.Check]) -> list[str]:
    return [check.name for check in checks if check.passed is False]


def test_a_clearly_better_candidate_passes() -> None:
    judged = pairs(0)
    checks = gate.judge(
        judged, active=scores(judged, 1, gap=1.0), candidate=scores(judged, 2, gap=2.5)
    )

    assert gate.passed(checks)
    better = next(check for check in checks if check.name == "better")
    assert "rises from" in better.sentence and better.figures["change"] > 0.05
    assert better.figures["lower_bound"] > 0


def test_a_worse_one_and_a_copy_with_noise_are_refused() -> None:
    judged = pairs(0)
    active = scores(judged, 1, gap=1.5)

    assert failed(gate.judge(judged, active=active, candidate=scores(judged, 2, gap=0.5))) != []
    for seed in range(20):
        wobble = np.random.default_rng(seed).normal(scale=0.02, size=len(judged))
        copy = replace(active, similarity=active.similarity + wobble)
        assert "better" in failed(gate.judge(judged, active=active, candidate=copy, times=1000))


def test_the_same_ranking_passes_only_with_better_probabilities() -> None:
    judged = pairs(3, 600)
    right = scores(judged, 1, gap=1.5)
    off = replace(right, p_mismatch=right.p_mismatch**0.2)  # type: ignore[operator]

    assert gate.passed(gate.judge(judged, active=off, candidate=right))
    assert failed(gate.judge(judged, active=right, candidate=off)) == ["better"]
    assert failed(gate.judge(judged, active=right, candidate=right)) == ["better"]


def test_a_fallen_category_is_named_even_where_all_in_all_it_is_better() -> None:
    judged = pairs(0, 1000)
    active, better = scores(judged, 1, gap=1.2), scores(judged, 2, gap=3.0)
    lost = np.array([name == "c2" for name in judged.categories])
    mixed = np.where(lost, np.random.default_rng(5).normal(size=1000) + 0.5, better.similarity)

    checks = gate.judge(judged, active=active, candidate=replace(better, similarity=mixed))

    assert failed(checks) == ["categories"]
    assert "Falls in c2" in next(c.sentence for c in checks if c.name == "categories")


def test_too_few_labels_are_said_and_counted() -> None:
    judged = replace(pairs(0, 50), labels=np.array([0] * 12 + [1] * 38))
    one = scores(judged, 1, gap=1.0)

    checks = gate.judge(judged, active=one, candidate=one)

    assert failed(checks) == ["labels"]
    assert checks[0].sentence == (
        "Not enough labels: 12 mismatches and 38 matches; at least 20 of each are needed."
    )


def test_what_was_forgotten_and_what_is_not_calibrated_is_refused() -> None:
    judged = pairs(0)
    active, better = scores(judged, 1, gap=1.0), scores(judged, 2, gap=3.0)
    knew = np.arange(200) % 10 < 8
    forgot = gate.ZeroShot(active=knew, candidate=np.arange(200) % 10 < 7)

    checks = gate.judge(judged, active=active, candidate=better, zero_shot=forgot)
    assert failed(checks) == ["zero_shot"]
    kept = gate.ZeroShot(active=knew, candidate=knew)
    assert gate.passed(gate.judge(judged, active=active, candidate=better, zero_shot=kept))
    bare = replace(better, p_mismatch=None)
    assert failed(gate.judge(judged, active=active, candidate=bare)) == ["calibration"]


def test_no_category_is_blamed_by_chance() -> None:
    """Twenty categories and no true change: at most a few of 40 comparisons find a fall."""
    blamed = 0
    for seed in range(40):
        judged = pairs(seed, 800, categories=20)
        sides = [scores(judged, 1000 + 2 * seed + side, gap=1.5) for side in (0, 1)]
        checks = gate.judge(judged, active=sides[0], candidate=sides[1], times=300)
        blamed += "categories" in failed(checks)
    assert blamed <= 6


def test_a_better_ranking_with_a_threshold_that_flags_nothing_is_refused() -> None:
    judged = pairs(0)
    better = scores(judged, 2, gap=2.5)
    silent = replace(better, flagged=np.zeros(len(judged), dtype=bool))

    checks = gate.judge(judged, active=scores(judged, 1, gap=1.0), candidate=silent)

    assert failed(checks) == ["threshold"]


# ── Asked again on the same decisions ─────────────────────────────────────────────────────────
def test_all_attempts_together_err_as_rarely_as_one_was_promised_to() -> None:
    assert sum(allowed_error(attempt) for attempt in range(1, 10_000)) < 0.01
    assert allowed_error(4) == pytest.approx(0.00038, rel=0.01)


def test_each_further_comparison_must_be_clearer_and_says_so() -> None:
    judged = pairs(0)
    active, candidate = scores(judged, 1, gap=1.0), scores(judged, 2, gap=1.75)

    def asked(attempt: int) -> gate.Check:
        checks = gate.judge(judged, active=active, candidate=candidate, attempt=attempt)
        return next(check for check in checks if check.name == "better")

    first, fourth, twentieth = asked(1), asked(4), asked(20)

    assert first.passed and "comparison on these" not in first.sentence
    assert "With 99.39% confidence" in first.sentence
    assert "It is the 4th comparison on these decisions, so an error of 0.038%" in fourth.sentence
    assert fourth.figures["attempt"] == 4
    assert twentieth.passed is False
    lows = [check.figures["lower_bound"] for check in (first, fourth, twentieth)]
    assert lows == sorted(lows, reverse=True)


def test_new_probabilities_for_the_same_ranking_count_as_attempts_too() -> None:
    judged = pairs(3, 600)
    right = scores(judged, 1, gap=1.5)
    off = replace(right, p_mismatch=right.p_mismatch**0.6)  # type: ignore[operator]

    first, late = (
        better(judged, off, right, times=2000, seed=0, attempt=attempt) for attempt in (1, 20)
    )

    assert first.passed and late.passed is False and "20th comparison" in late.sentence


def test_of_twenty_equal_challengers_none_is_let_pass_in_nearly_all_shops() -> None:
    """30 mismatches, twice as many matches, and labels of the audit that weigh ten times more."""
    promoted = 0
    for shop in range(30):
        rng = np.random.default_rng(shop)
        labels = np.r_[np.zeros(30, dtype=int), np.ones(60, dtype=int)]
        own = 1.5 * labels + rng.normal(size=90)
        judged = JudgedPairs(
            labels=labels,
            weights=np.where(rng.random(90) < 0.3, 10.0, 1.0),
            groups=[str(i) for i in range(90)],
            categories=[""] * 90,
            kinds=[""] * 90,
        )
        sides = [own + rng.normal(scale=0.6, size=90) for _ in range(21)]
        active, *challengers = [Scores(side, side < 0) for side in sides]
        promoted += any(
            better(judged, active, one, times=500, seed=0, attempt=attempt).passed
            for attempt, one in enumerate(challengers, 1)
        )
    assert promoted <= 2  # 1% of 30; without counting it was a third of them


def test_ordinals() -> None:
    named = [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)]
    assert " ".join(named) == "1st 2nd 3rd 4th 11th 12th 13th 21st 102nd 111th"
