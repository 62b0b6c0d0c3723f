"""When an audited share of mismatches is taken instead of the presumed one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from moderation.clip.statistics.calibration import Calibration, PlattScaling
from moderation.clip.statistics.prior import is_better, share_in_use

SHIPPED = Calibration(PlattScaling(-18.0, -1.0), prior=0.05)


@pytest.mark.parametrize(
    ("prevalence", "low", "high", "better"),
    [
        (0.02, 0.012, 0.031, True),
        (0.2, 0.15, 0.26, True),
        (0.04, 0.03, 0.052, False),  # the audit does not show that it is not 5%
        (0.045, 0.0449, 0.0451, False),  # it does, but nobody would see it
        (0.01, 0.0005, 0.04, False),  # hardly a mismatch was found
        (0.0, 0.0, 0.0, False),
    ],
)
def test_it_is_taken_where_the_audit_excludes_the_one_in_use(
    prevalence: float, low: float, high: float, better: bool
) -> None:
    assert is_better(SHIPPED, prevalence, low=low, high=high) is better


def test_it_is_held_against_the_share_in_use_not_against_the_first_one() -> None:
    moved = replace(SHIPPED, prevalence=0.02)

    assert share_in_use(moved) == 0.02
    assert not is_better(moved, 0.021, low=0.015, high=0.028)
    assert is_better(moved, 0.05, low=0.04, high=0.06)


def test_a_curve_of_the_shops_own_labels_knows_its_share() -> None:
    own = replace(SHIPPED, prior=None)

    assert share_in_use(own) is None and not is_better(own, 0.2, low=0.19, high=0.21)
