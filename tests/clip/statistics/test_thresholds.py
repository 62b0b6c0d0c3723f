"""Thresholds by target: what labels warrant, and the sentence where they do not."""

import math
import re
from dataclasses import dataclass

import numpy as np
import pytest

from moderation.clip.statistics.binomial import labels_for, wilson
from moderation.clip.statistics.cells import Answers, Listings
from moderation.clip.statistics.precision_threshold import by_precision
from moderation.clip.statistics.recall_threshold import by_recall
from moderation.clip.statistics.scores_grid import STEP, Histogram, candidates, grid
from moderation.clip.statistics.thresholds import (
    ChosenThreshold,
    NotEnoughLabels,
    OutOfReach,
    ThresholdAnswer,
    by_budget,
    tidy,
)

PRESENT = 250  # the threshold that holds, in steps


@dataclass(frozen=True)
class Catalogue:
    """A catalogue, which of its products are wrong, and what people said of it."""

    scores: np.ndarray
    wrong: np.ndarray
    listings: Listings
    answers: Answers

    def by_precision(
        self, target: float, *, confidence: float = 0.9, of_new: bool = False
    ) -> ThresholdAnswer:
        return by_precision(
            self.listings, self.answers, target=target, confidence=confidence, of_new=of_new
        )

    def by_recall(self, target: float, *, confidence: float | None = None) -> ThresholdAnswer:
        return by_recall(
            self.listings, self.answers, target=target, confidence=confidence, present=PRESENT
        )

    def below(self, threshold: float) -> np.ndarray:
        return self.scores < threshold

    def precision(self, threshold: float) -> float:
        return float(self.wrong[self.below(threshold)].mean())

    def recall(self, threshold: float) -> float:
        return float(self.wrong[self.below(threshold)].sum() / self.wrong.sum())


def _shop(seed: int = 0, count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Similarities of a catalogue, and which products are mismatches (5%)."""
    random = np.random.default_rng(seed)
    wrong = random.random(count) < 0.05
    score = np.where(wrong, random.normal(0.05, 0.15, count), random.normal(0.45, 0.12, count))
    return score.clip(-1, 1), wrong


def _histogram(scores: np.ndarray) -> Histogram:
    return Histogram.of(np.array([grid(float(score)) for score in scores]))


def _catalogue(
    scores: np.ndarray,
    wrong: np.ndarray,
    *,
    openly: np.ndarray | None = None,
    by_lot: np.ndarray | None = None,
) -> Catalogue:
    """`openly`, `by_lot` [n] bool: what people judged, and why; what was drawn was judged."""
    none = np.zeros(len(scores), bool)
    openly = none if openly is None else openly
    by_lot = none if by_lot is None else by_lot & ~openly
    steps = np.array([grid(float(score)) for score in scores], dtype=float)
    draws = (steps < PRESENT).astype(int)
    judged = openly | by_lot
    at, place = np.unique(steps, return_inverse=True)
    sizes, lots = np.bincount(place), np.bincount(place, weights=by_lot)
    return Catalogue(
        scores,
        wrong,
        Listings(at, (at < PRESENT).astype(int), sizes, lots.astype(int)),
        Answers(steps[judged], draws[judged], wrong[judged].astype(int), by_lot[judged]),
    )


def _queue(
    scores: np.ndarray, wrong: np.ndarray, *, flagged: int, audit: int, seed: int = 0
) -> Catalogue:
    """The most suspicious judged, and a random audit of the rest."""
    order = np.argsort(scores)
    openly, by_lot = np.zeros(len(scores), bool), np.zeros(len(scores), bool)
    openly[order[:flagged]] = True
    by_lot[np.random.default_rng(seed).choice(order[flagged:], audit, replace=False)] = True
    return _catalogue(scores, wrong, openly=openly, by_lot=by_lot)


def _random(scores: np.ndarray, wrong: np.ndarray, count: int, seed: int = 0) -> Catalogue:
    by_lot = np.zeros(len(scores), bool)
    by_lot[np.random.default_rng(seed).choice(len(scores), count, replace=False)] = True
    return _catalogue(scores, wrong, by_lot=by_lot)


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


def test_thresholds_that_are_compared_flag_one_product_to_all_of_them() -> None:
    scores, _ = _shop(count=3000)
    steps = np.array([grid(float(score)) for score in scores])
    found = candidates(steps, np.ones(len(steps), int))

    flagged = [(steps < step).sum() for step in found]
    assert flagged[0] <= 3 and flagged[-1] == 3000
    assert found == sorted(set(found)) and len(found) > 40
    assert candidates(np.zeros(0), np.zeros(0, int)) == []


# ── Precision ─────────────────────────────────────────────────────────────────────────────────
def test_wilsons_interval_of_half_in_a_hundred() -> None:
    assert wilson(0.5, 100, confidence=0.95) == pytest.approx((0.4038, 0.5962), abs=1e-3)


def test_a_precision_target_is_held() -> None:
    shop = _queue(*_shop(), flagged=900, audit=400)
    found = shop.by_precision(0.9)

    assert isinstance(found, ChosenThreshold)
    assert shop.precision(found.threshold) >= 0.9
    assert shop.below(found.threshold).sum() > 700  # and not by flagging next to nothing


def test_what_is_counted_needs_no_confidence() -> None:
    """All below .25 judged, none drawn by lot: the precision there is known."""
    scores, wrong = _shop(count=3000)
    shop = _catalogue(scores, wrong, openly=scores < 0.25)

    precise = float(np.floor(1000 * shop.precision(0.25)) / 1000)
    for confidence in (0.5, 0.9, 0.999):
        found = shop.by_precision(precise, confidence=confidence)
        assert isinstance(found, ChosenThreshold)
        assert found.threshold >= 0.24
        assert shop.precision(found.threshold) >= precise


def test_what_is_counted_is_a_sample_of_what_is_still_to_come() -> None:
    scores, wrong = _shop(count=3000)
    shop = _catalogue(scores, wrong, openly=scores < 0.25)

    now, later = (shop.by_precision(0.9, of_new=new) for new in (False, True))
    assert isinstance(now, ChosenThreshold) and isinstance(later, ChosenThreshold)
    assert later.threshold < now.threshold
    few = _queue(scores, wrong, flagged=30, audit=0)
    assert isinstance(few.by_precision(0.9), ChosenThreshold)
    assert isinstance(few.by_precision(0.9, of_new=True), NotEnoughLabels)


def test_a_stricter_precision_flags_less() -> None:
    shop = _queue(*_shop(), flagged=900, audit=400)

    found = [shop.by_precision(target) for target in (0.8, 0.9, 0.98)]
    thresholds = [one.threshold for one in found if isinstance(one, ChosenThreshold)]
    assert len(thresholds) == 3
    assert thresholds == sorted(thresholds, reverse=True)


def test_a_precision_promise_is_broken_no_more_often_than_promised() -> None:
    missed = given = 0
    for seed in range(30):
        shop = _random(*_shop(seed, count=6000), 600, seed)
        found = shop.by_precision(0.6)
        if isinstance(found, ChosenThreshold):
            given += 1
            missed += shop.precision(found.threshold) < 0.6
    assert given >= 25
    assert missed <= 5  # of 30 at 10%: 8 or more would come by chance in one of a hundred


def test_too_few_labels_for_a_precision_say_how_many_more() -> None:
    found = _queue(*_shop(), flagged=30, audit=0).by_precision(0.95)

    assert isinstance(found, NotEnoughLabels)
    assert found.more == 45 - 30  # 0.95^45 is the first below 10%
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
@pytest.mark.parametrize("of_new", [False, True])
def test_a_refusal_never_contradicts_itself(errors: int, size: int, of_new: bool) -> None:
    for place in (0, size // 2, size - errors):  # where among the scores the errors lie
        wrong = np.ones(2 * size, bool)
        wrong[place : place + errors] = False
        shop = _catalogue(np.linspace(0.0, 0.4, 2 * size), wrong, openly=np.arange(2 * size) < size)
        found = shop.by_precision(0.9, of_new=of_new)
        if isinstance(found, NotEnoughLabels):
            numbers = re.search(
                r"(?:about|at least) (\d+) judged.* there are (\d+)(?:, ([\d.]+)% of .*)?; "
                r"judge (\d+) more",
                re.sub(r"(?<=\d),(?=\d)", "", found.sentence.replace("There", "there")),
            )
            assert numbers is not None, found.sentence
            needed, there, more = (int(numbers[group]) for group in (1, 2, 4))
            assert needed - there == more == found.more >= 1
            assert numbers[3] is None or float(numbers[3]) > 90
        elif isinstance(found, OutOfReach):
            told = re.search(r"([\d.]+)% of \d+ judged products are", found.sentence)
            assert told is not None and float(told[1]) <= 90
        elif not of_new:
            assert shop.precision(found.threshold) >= 0.9


def test_one_label_is_one_label() -> None:
    def sentence(count: int) -> str:
        scores = np.where(np.arange(50) < count, 0.1, 0.5)
        return _catalogue(scores, scores < 0.2, openly=scores < 0.2).by_precision(0.9).sentence

    assert "there is 1; judge 21 more." in sentence(1)
    assert "judge 1 more." in sentence(21)


def _ten(*, wrong: int, judged: int, by_lot: bool = True) -> Catalogue:
    """A shop of ten products, the lowest of them wrong; of the first so many people said it."""
    place = np.arange(10)
    said = place < judged
    return _catalogue(
        np.linspace(0.1, 0.5, 10),
        place < wrong,
        openly=None if by_lot else said,
        by_lot=said if by_lot else None,
    )


def test_no_more_labels_are_asked_for_than_a_shop_has_products() -> None:
    found = _ten(wrong=2, judged=0).by_precision(0.9)
    assert isinstance(found, NotEnoughLabels)
    assert found.sentence.endswith(
        "this shop has 10 products: judge them all (10 more), and the figures are exact."
    )
    assert (found.more, found.takes_all) == (10, True)

    found = _ten(wrong=2, judged=6, by_lot=False).by_recall(0.9)
    assert isinstance(found, NotEnoughLabels) and found.takes_all
    assert (
        "6 products pass: judge them all (4 more), and what was missed is known" in found.sentence
    )


@pytest.mark.parametrize("by_lot", [True, False])
def test_a_small_shop_that_was_judged_as_a_whole_has_exact_thresholds(by_lot: bool) -> None:
    shop = _ten(wrong=2, judged=10, by_lot=by_lot)
    for found in (shop.by_precision(0.9), shop.by_recall(0.9)):
        assert isinstance(found, ChosenThreshold)
        assert shop.precision(found.threshold) == shop.recall(found.threshold) == 1

    shop = _ten(wrong=0, judged=10, by_lot=by_lot)
    assert isinstance(shop.by_precision(0.9), OutOfReach)
    assert isinstance(shop.by_recall(0.9), ChosenThreshold | OutOfReach)


def test_where_what_passes_is_judged_the_rest_of_what_is_flagged_is_asked_for() -> None:
    place = np.arange(10)
    passes = np.linspace(0.1, 0.5, 10) >= PRESENT * STEP
    found = _catalogue(np.linspace(0.1, 0.5, 10), place > 7, by_lot=passes).by_recall(0.9)

    assert isinstance(found, NotEnoughLabels)
    assert "of what is flagged 4 are not; judge them too" in found.sentence


def test_products_to_come_may_be_asked_for_where_that_is_said() -> None:
    found = _ten(wrong=10, judged=10).by_precision(0.9, of_new=True)

    assert isinstance(found, NotEnoughLabels) and not found.takes_all
    assert found.sentence.endswith(
        "judge 12 more. Only 10 products score so now: 12 more would have to come in."
    )


def test_no_labels_at_all_say_so_too() -> None:
    unjudged, nothing = _catalogue(*_shop(count=50)), _catalogue(np.zeros(0), np.zeros(0, bool))

    for shop in (unjudged, nothing):
        assert isinstance(shop.by_precision(0.9), NotEnoughLabels)
        assert isinstance(shop.by_recall(0.9), NotEnoughLabels | OutOfReach)


def test_a_precision_that_no_threshold_has_is_out_of_reach() -> None:
    random = np.random.default_rng(0)
    shop = _catalogue(random.random(2000), random.random(2000) < 0.3, by_lot=np.ones(2000, bool))

    found = shop.by_precision(0.9)
    assert isinstance(found, OutOfReach)
    assert "train the model" in found.sentence


# ── Recall ────────────────────────────────────────────────────────────────────────────────────
def test_a_recall_target_is_held_on_the_mean() -> None:
    kept = []
    for seed in range(12):
        shop = _random(*_shop(seed), 2000, seed)
        found = shop.by_recall(0.8)
        assert isinstance(found, ChosenThreshold)
        kept.append(shop.recall(found.threshold))

    assert 0.79 <= np.mean(kept) < 0.9


def test_a_recall_with_confidence_flags_no_less() -> None:
    shop = _random(*_shop(), 2000)

    on_the_mean, sure = shop.by_recall(0.8), shop.by_recall(0.8, confidence=0.95)
    assert isinstance(on_the_mean, ChosenThreshold)
    assert isinstance(sure, ChosenThreshold)
    assert sure.threshold > on_the_mean.threshold


def test_a_recall_is_counted_where_all_was_judged() -> None:
    scores, wrong = _shop(count=3000)
    shop = _catalogue(scores, wrong, openly=np.ones(3000, bool))
    found = shop.by_recall(0.9, confidence=0.99)

    assert isinstance(found, ChosenThreshold)
    assert 0.9 <= shop.recall(found.threshold) < 0.93


def test_recall_without_an_audit_is_not_guessed() -> None:
    found = _queue(*_shop(), flagged=600, audit=0).by_recall(0.8)

    assert isinstance(found, NotEnoughLabels)
    assert "judged by lot among what passed, there are 0" in found.sentence


def test_no_mismatch_found_among_few_audited_is_not_taken_for_none() -> None:
    scores, wrong = _shop()
    wrong[scores > 0.1] = False
    found = _queue(scores, wrong, flagged=600, audit=20).by_recall(0.95, confidence=0.9)

    assert isinstance(found, NotEnoughLabels)


def test_too_few_audited_for_a_recall_say_how_many_would_do_and_these_do() -> None:
    scores, wrong = _shop()
    found = _queue(scores, wrong, flagged=1200, audit=20).by_recall(0.9, confidence=0.9)
    assert isinstance(found, NotEnoughLabels)
    numbers = re.search(r"about ([\d,]+) judged by lot .* there are (\d+)", found.sentence)
    assert numbers is not None
    needed, there = (int(number.replace(",", "")) for number in numbers.groups())
    assert needed - there == found.more and 20 < needed < 2000

    more = _queue(scores, wrong, flagged=1200, audit=2 * needed)
    assert isinstance(more.by_recall(0.9, confidence=0.9), ChosenThreshold)


def test_a_recall_that_only_blind_flagging_has_is_out_of_reach() -> None:
    random = np.random.default_rng(0)
    shop = _catalogue(random.random(2000), random.random(2000) < 0.3, by_lot=np.ones(2000, bool))

    found = shop.by_recall(0.8)
    assert isinstance(found, OutOfReach)
    assert "no threshold that flags less than 40% of the catalogue" in found.sentence
