"""The statistics of the audit: figures with intervals, agreement, and alarms on drift."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.clip.statistics import agreement, drift
from moderation.clip.statistics.audit_estimate import Figure, Stratum, estimate
from moderation.clip.statistics.labelled_scores import TOLD_FROM


def shop(
    rng: np.random.Generator, *, prevalence: float = 0.05, done: float = 1.0
) -> tuple[list[Stratum], dict[str, float]]:
    """A shop of 20,000 as the audit sees it, and the truth."""
    chances = {"flagged": (0.054, 0.7), "near": (0.144, 0.062), "rest": (0.802, 0.0038)}
    shares = {"flagged": 0.1, "near": 0.08, "rest": 0.02}
    strata, wrong, hit = [], 0, 0
    for name, (part, chance) in chances.items():
        size = round(20_000 * part)
        is_wrong = rng.random(size) < chance * prevalence / 0.05
        drawn = rng.random(size) < shares[name]
        judged = drawn & (rng.random(size) < done)
        flagged = name == "flagged"
        strata.append(
            Stratum(
                flagged=flagged,
                judged=int(judged.sum()),
                mismatches=int((judged & is_wrong).sum()),
                size=size if flagged else None,
                drawn=int(drawn.sum()),
                probability=1.0 if flagged else shares[name],
            )
        )
        wrong += int(is_wrong.sum())
        hit += int(is_wrong.sum()) if flagged else 0
    return strata, {"prevalence": wrong / 20_000, "recall": hit / wrong}


def test_a_fully_judged_catalogue_leaves_no_doubt() -> None:
    found = estimate(
        [
            Stratum(flagged=True, judged=50, mismatches=40, size=50),
            Stratum(flagged=False, judged=950, mismatches=10, size=950),
        ]
    )
    assert found.recall == Figure(0.8, 0.8, 0.8)
    assert (found.precision.low, found.prevalence.high) == (0.8, 0.05)


def test_what_was_drawn_stands_for_the_rest_and_fewer_labels_tell_less() -> None:
    def found(judged: int) -> float:
        figure = estimate(
            [
                Stratum(flagged=True, judged=judged, mismatches=judged // 2, size=400),
                Stratum(
                    flagged=False,
                    judged=judged,
                    mismatches=judged // 10,
                    drawn=200,
                    probability=0.1,
                ),
            ]
        ).recall
        assert figure.value == pytest.approx(0.5)
        return figure.high - figure.low

    assert found(200) < found(50) < found(20)


def test_intervals_hold_the_truth_and_recall_is_hardly_biased() -> None:
    """The full measurement stands in benchmarks/audit_recall.py."""
    rng = np.random.default_rng(0)
    errors, inside = [], 0
    for _ in range(100):
        strata, truth = shop(rng, done=0.7)
        found = estimate(strata)
        errors.append(found.recall.value - truth["recall"])
        inside += found.recall.low <= truth["recall"] <= found.recall.high
    assert abs(np.mean(errors)) < 0.02
    assert inside >= 90


def test_what_labels_cannot_tell_stays_unknown() -> None:
    flagged = Stratum(flagged=True, judged=50, mismatches=40, size=60)
    alone = estimate([flagged])
    assert alone.precision is not None and alone.recall is alone.prevalence is None
    assert "only flagged products carry labels" in alone.why

    unjudged = Stratum(flagged=False, judged=0, mismatches=0, drawn=20, probability=0.1)
    judged = Stratum(flagged=False, judged=29, mismatches=1, drawn=29, probability=0.1)
    assert "of a part of the products" in estimate([flagged, judged, unjudged]).why
    clean = Stratum(flagged=False, judged=29, mismatches=0, drawn=29, probability=0.1)
    none = estimate([clean])
    assert none.prevalence.value == 0 < none.prevalence.high
    assert none.recall is None and "no mismatch" in none.why
    assert estimate([]).recall is None


def test_a_few_labels_tell_no_share() -> None:
    def found(count: int) -> tuple[bool, ...]:
        told = estimate(
            [
                Stratum(flagged=True, judged=count, mismatches=1, size=400),
                Stratum(flagged=False, judged=count, mismatches=1, drawn=200, probability=0.1),
            ]
        )
        return tuple(share is not None for share in (told.precision, told.prevalence, told.recall))

    assert found(TOLD_FROM - 1) == (False, False, False)
    assert found(TOLD_FROM) == (True, True, True)
    few = Stratum(flagged=False, judged=1, mismatches=0, drawn=9, probability=0.1)
    assert "1 is judged; from 20 on" in estimate([few]).why


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="must not decrease"):
        Stratum(flagged=True, judged=5, mismatches=6, size=10)
    with pytest.raises(ValueError, match="probability"):
        Stratum(flagged=False, judged=0, mismatches=0, drawn=1, probability=0.0)


@pytest.mark.parametrize(
    ("table", "value"),
    [([[20, 5], [10, 15]], 0.4), ([[30, 0], [0, 70]], 1.0), ([[25, 25], [25, 25]], 0.0)],
)
def test_kappa_is_cohens(table: list[list[int]], value: float) -> None:
    found = agreement.kappa(np.array(table))
    assert found.value == pytest.approx(value)
    assert found.low < value + 1e-9 and found.high > value - 1e-9 and found.high - found.low < 0.6


@pytest.mark.parametrize("table", [[[0, 0], [0, 0]], [[12, 0], [0, 0]]])
def test_without_two_verdicts_there_is_no_kappa(table: list[list[int]]) -> None:
    assert agreement.kappa(np.array(table)) is None


def test_an_unchanged_catalogue_hardly_ever_raises_an_alarm_and_a_changed_one_does() -> None:
    rng = np.random.default_rng(1)
    looks, false, found = 60, 0, 0
    for _ in range(looks):
        (before, _), (now, _) = shop(rng), shop(rng)
        false += any(drift.share_changed(before, now, what=w) for w in ("prevalence", "precision"))
    for _ in range(20):
        (before, _), (now, _) = shop(rng), shop(rng, prevalence=0.15)
        found += drift.share_changed(before, now, what="prevalence")
    assert false <= 3  # less than one is expected
    assert found >= 18


def test_scores_that_are_spread_otherwise_are_noticed() -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(0.46, 0.15, 8000)
    alarms = [drift.scores_changed(before, rng.normal(0.46, 0.15, 2000)) for _ in range(100)]
    assert not any(alarms)
    few = [drift.scores_changed(before[:60], rng.normal(0.46, 0.15, 60)) for _ in range(200)]
    assert sum(few) <= 4
    assert drift.scores_changed(before, rng.normal(0.36, 0.15, 2000))
    assert drift.stability_index(before, before) == pytest.approx(0, abs=1e-3)
