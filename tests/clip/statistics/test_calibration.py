"""From similarity to P(mismatch): sane, weighted by the prior, finite."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from moderation.clip.statistics.calibration import Calibration, PlattScaling, log_odds
from moderation.clip.statistics.calibration_choice import fit_calibration
from moderation.clip.statistics.platt import fit_platt
from moderation.clip.statistics.thresholds import review_threshold


def _pairs(seed: int = 0, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Pairs whose true P(mismatch) is sigmoid(-6 s + 1)."""
    rng = np.random.default_rng(seed)
    similarity = rng.uniform(-1, 1, count)
    wrong = rng.random(count) < 1 / (1 + np.exp(6 * similarity - 1))
    return similarity, (~wrong).astype(int)


def test_fit_finds_the_curve_that_made_the_labels() -> None:
    platt = fit_platt(*_pairs())

    assert platt.a == pytest.approx(-6, rel=0.1)
    assert platt.b == pytest.approx(1, abs=0.25)


def test_a_higher_similarity_is_less_likely_a_mismatch() -> None:
    platt = fit_platt(*_pairs())

    found = [platt.p_mismatch(similarity) for similarity in (-0.5, 0.0, 0.5)]
    assert found == sorted(found, reverse=True)
    assert all(0 < p < 1 for p in found)


def test_the_prior_is_what_the_probabilities_average_to() -> None:
    similarity, labels = _pairs()
    platt = fit_platt(similarity, labels, prior=0.05)

    p = np.array([platt.p_mismatch(s) for s in similarity])
    mean = 0.95 * p[labels == 1].mean() + 0.05 * p[labels == 0].mean()
    assert mean == pytest.approx(0.05, abs=0.005)
    assert platt.p_mismatch(0.0) < fit_platt(similarity, labels).p_mismatch(0.0)


def test_perfectly_separated_pairs_give_finite_values() -> None:
    platt = fit_platt([0.9, 0.8, 0.1, 0.0], [1, 1, 0, 0])

    assert np.isfinite([platt.a, platt.b]).all()
    assert platt.a < 0
    assert platt.p_mismatch(0.0) > 0.5 > platt.p_mismatch(0.9)


def test_extreme_similarities_do_not_overflow() -> None:
    platt = PlattScaling(a=-1000.0, b=0.0)

    assert platt.p_mismatch(5.0) == 0.0
    assert platt.p_mismatch(-5.0) == 1.0


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 0, 0], [1, 0]])
def test_fit_needs_both_classes_and_equal_lengths(labels: list[int]) -> None:
    with pytest.raises(ValueError):
        fit_platt([0.1, 0.2, 0.3], labels)


def test_the_threshold_flags_the_budgeted_share_of_matches() -> None:
    matches = np.arange(1000) / 1000

    threshold = review_threshold(matches, flagged=0.05)
    assert (matches < threshold).mean() == pytest.approx(0.05, abs=0.002)


def test_a_threshold_needs_matches() -> None:
    with pytest.raises(ValueError, match="at least one match"):
        review_threshold([])


# ── The whole calibration: curve, categories, choice ──────────────────────────────────────────
def _wrong(logits: np.ndarray, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.random(len(logits)) < 1 / (1 + np.exp(-logits))


def _two_levels(count: int = 3000) -> tuple[np.ndarray, np.ndarray]:
    """A step that no Platt curve fits: 80% mismatches below 0.2, 5% above."""
    similarity = np.random.default_rng(3).uniform(-0.1, 0.7, count)
    wrong = _wrong(np.where(similarity < 0.2, 1.4, -2.9))
    return similarity, (~wrong).astype(int)


def _never_rises(calibration: Calibration, category: str | None = None) -> bool:
    found = [calibration.p_mismatch(s, category) for s in np.linspace(-1, 1, 2001)]
    return all(later <= earlier for earlier, later in pairwise(found))


def test_below_a_thousand_labels_it_is_platt_and_says_so() -> None:
    similarity, labels = _two_levels(999)
    found = fit_calibration(similarity, labels)

    assert not found.knots
    assert found.platt == fit_platt(similarity, labels)
    assert "1,000 labels, there are 999" in found.fitted["why"]


def test_an_isotonic_curve_is_taken_where_it_does_better_on_left_out_labels() -> None:
    found = fit_calibration(*_two_levels())

    assert found.fitted["chosen"] == "isotonic"
    assert found.fitted["log_loss"]["isotonic"] < found.fitted["log_loss"]["platt"]
    assert found.p_mismatch(0.0) == pytest.approx(0.8, abs=0.06)
    assert found.p_mismatch(0.5) == pytest.approx(0.05, abs=0.03)
    assert _never_rises(found)


def test_an_isotonic_curve_is_not_taken_where_platts_is_the_true_one() -> None:
    found = fit_calibration(*_pairs())

    assert found.fitted["chosen"] == "platt"
    assert "isotonic" in found.fitted["log_loss"]


def test_an_isotonic_curve_leaves_no_ties_in_the_queues_order() -> None:
    found = fit_calibration(*_two_levels())

    p = [found.p_mismatch(s) for s in np.linspace(-0.5, 0.9, 500)]
    assert len(set(p)) == 500


def _three_categories(counts: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """True offsets: Shoes +1.5, Toys 0, Mugs -1.5."""
    names = [n for n, c in zip(("Shoes", "Toys", "Mugs"), counts, strict=True) for _ in range(c)]
    by_name = {"Shoes": 1.5, "Toys": 0.0, "Mugs": -1.5}
    similarity = np.random.default_rng(4).uniform(-0.1, 0.6, len(names))
    wrong = _wrong(-12 * (similarity - 0.25) + np.array([by_name[name] for name in names]))
    return similarity, (~wrong).astype(int), names


def test_categories_move_the_probability_as_far_as_their_labels_warrant() -> None:
    similarity, labels, names = _three_categories((300, 300, 300))
    many = fit_calibration(similarity, labels, categories=names)
    similarity, labels, names = _three_categories((300, 300, 8))
    few = fit_calibration(similarity, labels, categories=names)

    assert many.offsets["shoes"] == pytest.approx(1.5, abs=0.6)
    assert many.offsets["mugs"] == pytest.approx(-1.5, abs=0.6)
    assert many.p_mismatch(0.25, "SHOES") > many.p_mismatch(0.25) > many.p_mismatch(0.25, "mugs")
    assert abs(few.offsets["mugs"]) < abs(many.offsets["mugs"])  # pooled: eight labels say little
    assert _never_rises(many, "shoes")


def test_an_unknown_category_has_the_common_curve() -> None:
    found = Calibration(PlattScaling(-10, 2), offsets={"shoes": 1.0})

    assert found.p_mismatch(0.3, "Lamps") == found.p_mismatch(0.3) == found.p_mismatch(0.3, "")


def test_categories_that_differ_only_by_chance_get_no_offsets() -> None:
    similarity, labels = _pairs(count=900)
    names = np.random.default_rng(5).choice(["a", "b", "c", "d"], 900)

    assert not fit_calibration(similarity, labels, categories=list(names)).offsets


@pytest.mark.parametrize("knots", [(), ((-0.1, 2.0), (0.2, 0.5), (0.6, -3.0))])
def test_a_categorys_threshold_flags_at_the_same_probability(knots: Any) -> None:
    found = Calibration(PlattScaling(-10, 2), knots, {"shoes": 1.2, "mugs": -0.7})

    for category in ("Shoes", "Mugs", None):
        for threshold in (-0.3, 0.1, 0.3, 0.8):
            moved = found.threshold_in(category, threshold)
            assert found.p_mismatch(moved, category) == pytest.approx(found.p_mismatch(threshold))
            assert found.as_elsewhere(moved, category) == pytest.approx(threshold)
    assert found.threshold_in("Shoes", 0.3) > 0.3 > found.threshold_in("Mugs", 0.3)


def test_it_comes_back_from_json_as_it_was() -> None:
    found = replace(fit_calibration(*_two_levels()), offsets={"shoes": 0.5})
    again = Calibration.from_json(json.loads(json.dumps(found.as_json())))

    assert again.as_json() == found.as_json()
    for similarity in (-0.4, 0.1, 0.33, 0.9):
        assert again.p_mismatch(similarity, "shoes") == found.p_mismatch(similarity, "shoes")


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"platt": {"a": -1}},
        {"platt": {"a": float("nan"), "b": 0}},
        {"platt": {"a": -1, "b": 0}, "knots": [[0.1, 1.0], [0.2, 2.0]]},
        {"platt": {"a": -1, "b": 0}, "offsets": ["shoes"]},
    ],
)
def test_what_is_no_calibration_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no calibration"):
        Calibration.from_json(broken)


def test_weights_undo_an_uneven_choice_of_labels() -> None:
    similarity, labels = _pairs(count=20_000)
    # Matches are judged once in twenty, mismatches always: unweighted, P is far too high.
    kept = (labels == 0) | (np.random.default_rng(6).random(len(labels)) < 0.05)
    weights = np.where(labels == 0, 1.0, 20.0)[kept]

    plain = fit_platt(similarity[kept], labels[kept])
    weighted = fit_platt(similarity[kept], labels[kept], weights=weights)
    assert plain.p_mismatch(0.2) > 0.8
    assert weighted.p_mismatch(0.2) == pytest.approx(1 / (1 + np.exp(0.2)), abs=0.08)


def test_labels_that_say_nothing_give_a_flat_curve() -> None:
    similarity = np.linspace(0, 1, 100)
    found = fit_calibration(similarity, similarity < 0.7)  # the wrong way round

    assert found.platt.a == 0
    assert found.p_mismatch(0.1) == found.p_mismatch(0.9) == pytest.approx(0.3)
    assert found.threshold_in("shoes", 0.3) == 0.3


def test_the_prior_holds_for_the_whole_calibration() -> None:
    similarity, labels = _pairs()
    found = fit_calibration(similarity, labels, prior=0.05)

    p = np.array([found.p_mismatch(s) for s in similarity])
    mean = 0.95 * p[labels == 1].mean() + 0.05 * p[labels == 0].mean()
    assert mean == pytest.approx(0.05, abs=0.01)


# ── Another share of mismatches than the curve presumes ───────────────────────────────────────
def test_the_audited_share_is_what_the_probabilities_average_to() -> None:
    similarity, labels = _pairs()
    curve = fit_calibration(similarity, labels, prior=0.05)
    right, wrong = similarity[labels == 1], similarity[labels == 0]
    for share in (0.02, 0.05, 0.2):
        moved = replace(curve, prevalence=share)
        means = [np.mean([moved.p_mismatch(float(s)) for s in part]) for part in (wrong, right)]
        assert share * means[0] + (1 - share) * means[1] == pytest.approx(share, rel=0.1)


def test_the_audited_share_moves_every_logit_alike_and_no_threshold() -> None:
    curve = replace(
        fit_calibration(*_two_levels()), offsets={"shoes": 0.5}, prior=0.05, prevalence=0.2
    )
    for similarity, category in ((-0.3, None), (0.2, "shoes"), (0.9, "Shoes")):
        before, after = (c.p_mismatch(similarity, category) for c in (curve.as_fitted, curve))
        assert log_odds(after) - log_odds(before) == pytest.approx(log_odds(0.2) - log_odds(0.05))
    assert curve.threshold_in("shoes", 0.3) == curve.as_fitted.threshold_in("shoes", 0.3)
    assert replace(curve, prior=None).p_mismatch(0.2) == curve.as_fitted.p_mismatch(0.2)


def test_both_shares_are_kept_and_those_of_former_trainings_are_found() -> None:
    platt = {"a": -9.0, "b": 1.0}
    kept = Calibration.from_json({"platt": platt, "prior": 0.05, "prevalence": 0.02})
    former = Calibration.from_json({"platt": platt, "fitted": {"prior": 0.05}})

    assert Calibration.from_json(kept.as_json()) == kept and kept.shift < 0
    assert (former.prior, former.shift) == (0.05, 0.0)
    for share in (0, 1, "half"):
        with pytest.raises(ValueError, match="This is no calibration"):
            Calibration.from_json({"platt": platt, "prior": 0.05, "prevalence": share})
