"""Thresholds by target: what labels warrant, and the sentence where they do not."""

import math
import re

import numpy as np
import pytest

from moderation.clip.statistics.binomial import binomial_tail, labels_for
from moderation.clip.statistics.labelled_scores import (
    STEP,
    Histogram,
    LabelledScores,
    grid,
    precision,
    recall,
    wilson,
)
from moderation.clip.statistics.precision_threshold import by_precision
from moderation.clip.statistics.recall_threshold import by_recall
from moderation.clip.statistics.thresholds import (
    ChosenThreshold,
    NotEnoughLabels,
    OutOfReach,
    by_budget,
    tidy,
)


def _shop(seed: int = 0, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of a catalogue, and which products are mismatches (5%)."""
    random = np.random.default_rng(seed)
    wrong = random.random(count) < 0.05
    score = np.where(wrong, random.normal(0.05, 0.15, count), random.normal(0.45, 0.12, count))
    return score.clip(-1, 1), wrong


def _histogram(scores: np.ndarray) -> Histogram:
    return Histogram.of(np.array([grid(float(score)) for score in scores]))


def _labels(
    scores: np.ndarray, wrong: np.ndarray, *, flagged: int, audit: int, seed: int = 0
) -> LabelledScores:
    """The most suspicious judged, and a random audit of the rest."""
    order = np.argsort(scores)
    drawn = np.random.default_rng(seed).choice(order[flagged:], audit, replace=False)
    chosen = np.concatenate([order[:flagged], drawn])
    weights = np.ones(flagged + audit)
    weights[flagged:] = (len(scores) - flagged) / max(audit, 1)
    return LabelledScores(scores[chosen], wrong[chosen], weights, np.arange(len(chosen)) >= flagged)


def _random(scores: np.ndarray, wrong: np.ndarray, count: int, seed: int = 0) -> LabelledScores:
    chosen = np.random.default_rng(seed).choice(len(scores), count, replace=False)
    ones = np.ones(count)
    return LabelledScores(scores[chosen], wrong[chosen], ones, ones.astype(bool))


# ── The catalogue ─────────────────────────────────────────────────────────────────────────────
def test_the_histogram_counts_what_a_threshold_flags() -> None:
    scores, _ = _shop(count=3000)
    histogram = _histogram(scores)

    for threshold in (-2.0, -0.123, 0.25, 0.251, 0.4, 2.0, math.inf, -math.inf):
        assert histogram.below(threshold) == (scores < threshold).sum()
    assert histogram.total == 3000


def test_a_budget_is_never_overdrawn_and_all_but_used() -> None:
    scores, _ = _shop()
    found = by_budget(_histogram(scores), reviews=50, arrivals=1000)

    assert (scores < found.threshold).mean() <= 0.05
    assert (scores < found.threshold + STEP).mean() > 0.05
    assert "of 1,000 new products a day" in found.sentence


@pytest.mark.parametrize("reviews", [0.5, 3, 10, 50, 400])
def test_a_budget_says_what_one_day_in_twenty_exceeds(reviews: float) -> None:
    scores, _ = _shop()
    found = by_budget(_histogram(scores), reviews=reviews, arrivals=1000)

    told = re.search(r"one day in twenty brings more than ([\d,]+)", found.sentence)
    assert told
    flagged = np.random.default_rng(1).poisson(1000, 40_000)
    a_day = np.random.default_rng(2).binomial(flagged, (scores < found.threshold).mean())
    busy = int(told[1].replace(",", ""))
    assert (a_day > busy).mean() <= 0.055 < (a_day > busy - 2).mean()


def test_numbers_have_a_decimal_only_where_it_says_something() -> None:
    assert [tidy(n) for n in (3.0, 0.34, 9.96, 12.4, 1234.6, 0.0)] == [
        *("3", "0.3", "10", "12", "1,235", "0")
    ]


def test_a_budget_above_the_arrivals_flags_everything() -> None:
    scores, _ = _shop(count=100)

    found = by_budget(_histogram(scores), reviews=50, arrivals=10)
    assert (scores < found.threshold).all()


def test_a_budget_needs_a_catalogue() -> None:
    with pytest.raises(ValueError, match="scores of a catalogue"):
        by_budget(_histogram(np.zeros(0)), reviews=5, arrivals=10)


# ── Estimates ─────────────────────────────────────────────────────────────────────────────────
def test_labels_of_the_most_suspicious_stand_for_those_only() -> None:
    scores, wrong = _shop()
    labels = _labels(scores, wrong, flagged=600, audit=400)
    plain = wrong[np.argsort(scores)[:600]].mean()
    found = precision(labels.spread_over(_histogram(scores)), 0.25)

    assert found is not None
    truth = wrong[scores < 0.25].mean()
    assert plain > 0.9 > 0.5 > truth  # what the judged ones alone would have made believe
    assert found.low <= truth <= found.high


def test_recall_is_unknown_without_an_audit() -> None:
    scores, wrong = _shop()

    for audit in (0, 19):
        labels = _labels(scores, wrong, flagged=600, audit=audit)
        assert recall(labels.spread_over(_histogram(scores)), 0.25) is None


def test_no_mismatch_found_among_few_audited_is_not_taken_for_none() -> None:
    scores, wrong = _shop()
    labels = _labels(scores, wrong, flagged=600, audit=30)
    labels.wrong[600:] = False
    found = recall(labels.spread_over(_histogram(scores)), 0.1)

    assert found is not None
    assert found.low < 0.8


def test_intervals_hold_what_is_true_as_often_as_they_say() -> None:
    held: dict[str, list[bool]] = {"precision": [], "recall": []}
    for seed in range(40):
        scores, wrong = _shop(seed, count=6000)
        labels = _random(scores, wrong, 800, seed).spread_over(_histogram(scores))
        below = scores < 0.25
        for name, found, truth in (
            ("precision", precision(labels, 0.25), wrong[below].mean()),
            ("recall", recall(labels, 0.25), wrong[below].sum() / wrong.sum()),
        ):
            assert found is not None
            held[name].append(found.low <= truth <= found.high)

    assert np.mean(held["precision"]) >= 0.9
    assert np.mean(held["recall"]) >= 0.9


def test_without_labels_below_nothing_is_said_of_precision() -> None:
    scores, wrong = _shop()

    assert precision(_random(scores, wrong, 50), -0.9) is None


def test_wilsons_interval_of_half_in_a_hundred() -> None:
    assert wilson(0.5, 100, confidence=0.95) == pytest.approx((0.4038, 0.5962), abs=1e-3)


# ── Precision ─────────────────────────────────────────────────────────────────────────────────
def test_a_precision_target_is_held() -> None:
    scores, wrong = _shop()
    labels = _labels(scores, wrong, flagged=900, audit=400).spread_over(_histogram(scores))
    found = by_precision(labels, target=0.9, confidence=0.9)

    assert isinstance(found, ChosenThreshold)
    below = scores < found.threshold
    assert wrong[below].mean() >= 0.9
    assert below.sum() > 500  # and not by flagging next to nothing


def test_a_stricter_precision_flags_less() -> None:
    scores, wrong = _shop()
    labels = _labels(scores, wrong, flagged=900, audit=400).spread_over(_histogram(scores))

    found = [by_precision(labels, target=target, confidence=0.9) for target in (0.8, 0.9, 0.98)]
    thresholds = [one.threshold for one in found if isinstance(one, ChosenThreshold)]
    assert len(thresholds) == 3
    assert thresholds == sorted(thresholds, reverse=True)


def test_too_few_labels_for_a_precision_say_how_many_more() -> None:
    scores, wrong = _shop()
    found = by_precision(_labels(scores, wrong, flagged=30, audit=0), target=0.95, confidence=0.9)

    assert isinstance(found, NotEnoughLabels)
    assert found.more == 72 - 30  # 0.95^72 is the first below a fourth of 10%
    assert f"judge {found.more} more" in found.sentence


def _exact_tail(successes: int, size: int, share: float) -> float:
    some = range(successes, size + 1)
    return sum(math.comb(size, k) * share**k * (1 - share) ** (size - k) for k in some)


@pytest.mark.parametrize("target", [0.8, 0.9, 0.95])
@pytest.mark.parametrize(("errors", "size"), [(0, 30), (1, 66), (2, 66), (3, 66), (7, 100)])
def test_the_labels_that_are_missing_are_those_of_the_exact_bound(
    target: float, errors: int, size: int
) -> None:
    level, share = 0.025, 1 - errors / size
    if share <= target + 0.01:
        return  # nothing shows more than there is, and next to nothing takes endless labels

    def shows(n: int) -> bool:
        return _exact_tail(n - math.ceil(errors * n / size - 1e-9), n, target) <= level

    first = next(n for n in range(size + 1, 3000) if shows(n))
    assert labels_for(target, share=share, level=level, above=size) == first


def test_out_of_few_errors_the_bound_of_clopper_and_pearson_is_reached() -> None:
    # Tabled lower 97.5% bounds: 36 of 36 give 0.9026, 35 of 35 give 0.9000 from below.
    assert labels_for(0.9, share=1.0, level=0.025) == 36
    assert labels_for(0.95, share=1.0, level=0.025) == 72
    assert labels_for(0.9, share=1 - 1e-13, level=0.025) == 36
    assert labels_for(0.9, share=0.9999, level=0.025, above=40) == 54  # with one error
    assert labels_for(0.9, share=0.9001, level=0.025, above=40) > 20_000


@pytest.mark.parametrize("errors", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("size", [20, 66, 80, 150])
def test_a_refusal_never_contradicts_itself(errors: int, size: int) -> None:
    for place in (0, size // 2, size - errors):  # where among the scores the errors lie
        wrong = np.ones(size, bool)
        wrong[place : place + errors] = False
        scores, ones = np.linspace(0.0, 0.2, size), np.ones(size)
        found = by_precision(
            LabelledScores(scores, wrong, ones, ~wrong), target=0.9, confidence=0.9
        )
        if isinstance(found, NotEnoughLabels):
            numbers = re.search(
                r"(?:about|at least) (\d+) judged.* there are (\d+)(?:, ([\d.]+)% of .*)?; "
                r"judge (\d+) more",
                re.sub(r"(?<=\d),(?=\d)", "", found.sentence),
            )
            assert numbers is not None, found.sentence
            needed, there, more = (int(numbers[group]) for group in (1, 2, 4))
            assert needed - there == more == found.more >= 1
            assert numbers[3] is None or float(numbers[3]) > 90
        elif isinstance(found, OutOfReach):
            told = re.search(r"([\d.]+)% of \d+ judged products are", found.sentence)
            assert told is not None and float(told[1]) <= 90
        else:
            below = scores < found.threshold
            right, all_of_them = int(wrong[below].sum()), int(below.sum())
            assert _exact_tail(right, all_of_them, 0.9) <= 0.1 / 4


def test_one_label_is_one_label() -> None:
    def sentence(count: int, audited: int = 0) -> str:
        ones = np.ones(count)
        audit = np.arange(count) < audited
        labels = LabelledScores(ones * 0.1, ones.astype(bool), ones, audit)
        found = (
            by_recall(labels, target=0.9)
            if audited
            else by_precision(labels, target=0.9, confidence=0.9)
        )
        return found.sentence

    assert "there is 1, 100% of them" in sentence(1)
    assert "judge 1 more." in sentence(35)
    assert "1 product drawn at random is judged, 19 more are needed" in sentence(1, 1)
    assert "19 products drawn at random are judged, 1 more is needed" in sentence(19, 19)


def test_no_labels_at_all_say_so_too() -> None:
    none = LabelledScores(np.zeros(0), np.zeros(0, bool), np.zeros(0), np.zeros(0, bool))

    assert isinstance(by_precision(none, target=0.9, confidence=0.9), NotEnoughLabels)
    assert isinstance(by_recall(none, target=0.9), NotEnoughLabels)
    assert none.spread_over(_histogram(_shop(count=50)[0])) is none


def test_a_precision_that_no_threshold_has_is_out_of_reach() -> None:
    random = np.random.default_rng(0)
    labels = LabelledScores(
        random.random(2000), random.random(2000) < 0.3, np.ones(2000), np.ones(2000, bool)
    )

    found = by_precision(labels, target=0.9, confidence=0.9)
    assert isinstance(found, OutOfReach)
    assert "train the model" in found.sentence


def test_the_binomial_tail_is_exact() -> None:
    assert binomial_tail(5, 5, 0.5) == pytest.approx(1 / 32)
    assert binomial_tail(2, 3, 0.5) == pytest.approx(0.5)
    assert binomial_tail(0, 7, 0.2) == 1.0
    assert binomial_tail(950, 1000, 0.95) == pytest.approx(0.53, abs=0.02)


# ── Recall ────────────────────────────────────────────────────────────────────────────────────
def test_a_recall_target_is_held_on_the_mean() -> None:
    kept = []
    for seed in range(20):
        scores, wrong = _shop(seed)
        labels = _random(scores, wrong, 2000, seed).spread_over(_histogram(scores))
        found = by_recall(labels, target=0.8)
        assert isinstance(found, ChosenThreshold)
        kept.append(wrong[scores < found.threshold].sum() / wrong.sum())

    assert 0.8 <= np.mean(kept) < 0.9


def test_a_recall_with_confidence_flags_no_less() -> None:
    scores, wrong = _shop()
    labels = _random(scores, wrong, 2000).spread_over(_histogram(scores))

    on_the_mean = by_recall(labels, target=0.8)
    sure = by_recall(labels, target=0.8, confidence=0.95)
    assert isinstance(on_the_mean, ChosenThreshold)
    assert isinstance(sure, ChosenThreshold)
    assert sure.threshold > on_the_mean.threshold


def test_recall_without_an_audit_is_not_guessed() -> None:
    scores, wrong = _shop()
    found = by_recall(_labels(scores, wrong, flagged=600, audit=5), target=0.8)

    assert isinstance(found, NotEnoughLabels)
    assert found.more == 15
    assert "unknown without an audit" in found.sentence


def test_too_few_audited_for_a_recall_say_how_many_more() -> None:
    scores, wrong = _shop()
    labels = _labels(scores, wrong, flagged=200, audit=60).spread_over(_histogram(scores))

    found = by_recall(labels, target=0.95)
    assert isinstance(found, NotEnoughLabels)
    assert found.more > 60


def test_a_part_of_a_label_never_counts_for_the_target() -> None:
    """29 mismatches and a match, some with three times the weight: as good as 22.9 labels. Of 22,
    21 are mismatches at most, and that does not show 80%; 22 of 22 would."""
    weights, wrong = np.ones(30), np.ones(30, bool)
    weights[:5], wrong[5] = 3.0, False
    # All of one score: there is one threshold to test.
    labels = LabelledScores(np.full(30, 0.1), wrong, weights, ~wrong)
    assert binomial_tail(22, 22, 0.8) < 0.025 < binomial_tail(21, 22, 0.8)
    assert isinstance(by_precision(labels, target=0.8, confidence=0.9), NotEnoughLabels)
