"""What the worker does before anybody opens a page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from moderation.models import ModelVersion
from moderation.services.estimates import figures, present
from moderation.services.measures import prepare, quality
from moderation.services.queries import cache
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


def test_the_catalogue_is_read_once_for_all_its_figures(
    bundled: ModelVersion, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled_shop.add(100, version=bundled, by=anna, flagged=True, lot=100, judged=100, wrong=90)
    reads: list[int] = []
    by_week = present.by_week
    monkeypatch.setattr(present, "by_week", lambda: reads.append(1) or by_week())
    monkeypatch.setattr(cache, "LONG", -1.0)  # as of a catalogue that is read for long

    prepare.prepare_figures()
    found = quality.quality()

    assert len(reads) == 1
    assert found.overall == figures.overall()
    assert found.cached_since == figures.catalogue().cached_since is not None


def test_a_page_reads_a_small_catalogue_once(
    bundled: ModelVersion, anna: User, lead_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled_shop.add(10, version=bundled, by=anna, flagged=True)
    reads: list[int] = []
    by_week = present.by_week
    monkeypatch.setattr(present, "by_week", lambda: reads.append(1) or by_week())
    monkeypatch.setattr(cache, "LONG", 60.0)

    assert lead_client.get("/admin/quality/").status_code == 200
    assert len(reads) == 1
