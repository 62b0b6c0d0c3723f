"""How far a shop is from a better version, before anybody presses a button."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from moderation.models import ModelVersion, ReviewItem
from moderation.services.learning import readiness
from moderation.services.release import calibrate

pytestmark = pytest.mark.django_db

Add = Callable[..., Any]


def said() -> str:
    return " ".join(readiness.readiness().sentences)


def test_at_first_it_says_how_many_are_needed_to_learn(add: Add) -> None:
    add(30, flagged=True, opened=8, opened_wrong=1)
    assert said() == "1 wrong listing and 7 right judged; 20 of each are needed to learn from."


def test_then_how_many_of_them_can_judge_and_that_some_wait(add: Add) -> None:
    add(60, flagged=True, lot=6, judged=4, wrong=4, opened=50, opened_wrong=28)
    add(60, flagged=False, lot=30, judged=30)

    assert said().startswith(
        "32 wrong listings and 52 right judged, 4 and 30 of them by lot or by two people alike. A "
        "new version is put to work once 20 of each have judged it."
    )
    assert said().endswith("2 of the random sample wait in the queue: decide them first.")


def test_where_none_waits_it_says_how_long_it_takes_at_this_pace(add: Add) -> None:
    add(60, flagged=True, lot=8, judged=8, wrong=8, opened=40, opened_wrong=28)
    add(60, flagged=False, lot=30, judged=30)

    assert "At your pace that is in about 6 weeks. AUDIT_SHARE" in said()


def test_and_at_last_that_it_is_ready(add: Add, lead_client: Client) -> None:
    add(60, flagged=True, lot=30, judged=30, wrong=25)
    add(60, flagged=False, lot=30, judged=30)

    assert readiness.readiness().is_ready
    page = lead_client.get("/admin/moderation/trainingrun/").content.decode()
    assert said() in page
    assert not ReviewItem.objects.open().exists()


def test_where_training_is_out_of_reach_a_calibration_that_gains_is_offered(
    add: Add, bundled: ModelVersion, lead_client: Client
) -> None:
    add(200, flagged=True, opened=11, opened_wrong=11)
    add(200, flagged=False, lot=100, judged=100)
    # By this curve the wrong ones are right: any other is better.
    ModelVersion.objects.filter(pk=bundled.pk).update(platt_a=-9.0, platt_b=-4.0)

    assert "11 wrong listings and 100 right judged; 20 of each are needed" in said()
    assert "lowers the error of P(mismatch) (Brier score) from " in said()
    page = lead_client.get("/admin/moderation/trainingrun/").content.decode()
    assert 'value="Calibrate"' in page

    calibrate.calibrate(ModelVersion.objects.get(pk=bundled.pk))
    assert "is not proven to gain yet" in said()
    with pytest.raises(calibrate.NotCalibrated):
        calibrate.calibrate(ModelVersion.objects.get(pk=bundled.pk))


def test_with_fewer_still_nothing_is_said_of_it(add: Add) -> None:
    add(30, flagged=True, opened=8, opened_wrong=8)
    add(30, flagged=False, lot=30, judged=30)
    assert "calibration" not in said()
