"""Threshold and probabilities that go from a base to a new model without labels."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.clip.finetune.carry_over import platt_carried_over, threshold_of_same_share
from moderation.clip.statistics.calibration import PlattScaling

BEFORE = np.random.default_rng(0).normal(0.3, 0.05, 400)


def test_unchanged_scores_keep_the_very_threshold_and_curve() -> None:
    platt = PlattScaling(a=-20.0, b=3.0)
    assert threshold_of_same_share(0.21, before=BEFORE, after=BEFORE.copy()) == 0.21
    assert platt_carried_over(platt, before=BEFORE, after=BEFORE.copy()) == platt


@pytest.mark.parametrize("threshold", [0.05, 0.2, 0.3, 0.38, 0.6])
def test_the_same_share_is_flagged_on_another_scale(threshold: float) -> None:
    after = 0.5 + 2 * BEFORE
    found = threshold_of_same_share(threshold, before=BEFORE, after=after)
    assert found == pytest.approx(0.5 + 2 * threshold)
    assert (after < found).sum() == (threshold > BEFORE).sum()


def test_the_same_pairs_keep_their_probabilities_on_another_scale() -> None:
    platt, after = PlattScaling(a=-20.0, b=3.0), 0.5 + 2 * BEFORE
    found = platt_carried_over(platt, before=BEFORE, after=after)
    for old, new in zip(BEFORE[:20], after[:20], strict=True):
        assert found.p_mismatch(float(new)) == pytest.approx(platt.p_mismatch(float(old)))
