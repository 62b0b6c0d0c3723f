"""From similarity to P(mismatch): sane, weighted by the prior, finite."""

import numpy as np
import pytest

from moderation.clip.calibration import PlattScaling, fit_platt, review_threshold


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
