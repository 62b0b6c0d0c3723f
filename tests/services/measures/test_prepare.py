"""What the worker does before anybody opens a page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from moderation.models import ModelVersion
from moderation.services.measures import prepare
from tests.support import sampled_shop

pytestmark = pytest.mark.django_db


def test_probabilities_are_told_for_the_share_that_the_audit_finds(
    bundled: ModelVersion, anna: User
) -> None:
    before = bundled.p_mismatch(0.1)
    sampled_shop.add(100, version=bundled, by=anna, flagged=True, lot=100, judged=100, wrong=90)
    sampled_shop.add(400, version=bundled, by=anna, flagged=False, lot=200, judged=200, wrong=20)

    prepare.prepare_figures()

    bundled.refresh_from_db()
    calibration = bundled.calibrated
    assert calibration is not None and calibration.prevalence == pytest.approx(0.26, abs=0.02)
    assert before is not None and (bundled.p_mismatch(0.1) or 0) > before


def test_what_no_audit_tells_moves_nothing(bundled: ModelVersion, anna: User) -> None:
    sampled_shop.add(100, version=bundled, by=anna, flagged=True, opened=100, opened_wrong=90)
    sampled_shop.add(400, version=bundled, by=anna, flagged=False)

    prepare.prepare_figures()

    bundled.refresh_from_db()
    assert bundled.calibrated is not None and bundled.calibrated.prevalence is None
