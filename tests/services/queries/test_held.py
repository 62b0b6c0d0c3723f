"""Answers that took long are held for a while, others are found anew each time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from django.db.models import F
from django.test import Client
from django.utils import timezone

from moderation import tasks
from moderation.clip.statistics import calibration
from moderation.models import Analysis, HeldAnswer, ModelVersion
from moderation.services.measures import prepare, queue_health
from moderation.services.queries import held
from moderation.services.registry import questions
from moderation.services.release import thresholds
from moderation.services.scoring import analyze, stale
from tests.support.factories import MakeUser
from tests.support.scored_shop import fill

pytestmark = pytest.mark.django_db


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything takes long, and so holds long."""
    monkeypatch.setattr(held, "LONG", -1.0)
    monkeypatch.setattr(held, "TIMES", 1e10)


def counting() -> Callable[[], int]:
    """What gives another number each time."""
    return partial(next, itertools.count(1))


def later(**by: int) -> None:
    """Let the time go by, as far as what is held can tell."""
    HeldAnswer.objects.update(
        found_at=F("found_at") - timedelta(**by), until=F("until") - timedelta(**by)
    )


def test_what_took_long_is_not_found_twice_for_the_same_things(slow: None) -> None:
    find = counting()
    assert [held.held("x", [1], find) for _ in range(3)] == [1, 1, 1]
    assert held.held("x", [2], find) == 2  # depends on something else
    assert held.held("y", [1], find) == 3


def test_what_was_quick_is_found_each_time() -> None:
    find = counting()
    assert [held.held("x", [1], find) for _ in range(3)] == [1, 2, 3]


def test_an_answer_says_since_when_it_is_held(slow: None) -> None:
    find = counting()
    assert held.answer("x", [], find).held_since is None
    before = timezone.now()
    later(minutes=3)
    since = held.answer("x", [], find).held_since
    assert since is not None and 179 < (before - since).total_seconds() < 240


def test_another_release_finds_its_own_answers(slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    find = counting()
    assert [held.held("x", [], find) for _ in range(2)] == [1, 1]
    monkeypatch.setattr(held, "_release", lambda: "the next")
    assert held.held("x", [], find) == 2


def test_a_release_is_told_by_all_code_that_finds() -> None:
    finding = [queue_health, stale, thresholds, calibration]
    assert {Path(str(module.__file__)) for module in finding} <= set(held._code_that_finds())


def test_what_the_worker_prepares_is_found_anew_after_minutes_and_taken_for_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(held, "LONG", -1.0)
    find = counting()
    held.prepare("x", [], find)
    held.prepare("x", [], find)
    assert held.held("x", [], find) == 1
    later(minutes=6)
    assert held.held("x", [], find) == 1
    held.prepare("x", [], find)
    assert held.held("x", [], find) == 2
    held.prepare("x", [], find, at_once=True)
    assert held.held("x", [], find) == 3
    later(minutes=61)  # the worker is gone
    assert held.held("x", [], find) == 4


def test_what_a_page_found_for_itself_is_prepared_before_it_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(held, "LONG", -1.0)
    monkeypatch.setattr(held, "TIMES", 1e5)
    find = counting()
    held.held("x", [], find)
    held.prepare("x", [], find)
    assert held.held("x", [], find) == 2


def test_what_the_worker_finds_quickly_is_taken_by_no_page_and_not_found_each_minute() -> None:
    find = counting()
    held.prepare("x", [], find)
    held.prepare("x", [], find)
    assert held.held("x", [], find) == 2
    later(minutes=6)
    held.prepare("x", [], find)
    assert held.held("x", [], find) == 4


def test_old_answers_are_dropped(slow: None) -> None:
    held.held("x", [], counting())
    HeldAnswer.objects.update(until=timezone.now() - timedelta(days=2))
    held.held("y", [], counting())
    held.forget_old()
    assert [row.key.partition(":")[0] for row in HeldAnswer.objects.all()] == ["y"]


def test_the_sweep_finds_what_pages_show(
    bundled: ModelVersion, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bundled, count=30)
    monkeypatch.setattr(held, "LONG", -1.0)
    tasks.sweep()
    at = {
        row.key.partition(":")[0]: f"{timezone.localtime(row.found_at):%H:%M}"
        for row in HeldAnswer.objects.all()
    }
    fill(bundled, count=30, prefix="T", seed=1)
    lead = Client()
    lead.force_login(make_user("lena", group="lead"))

    page = lead.get("/admin/thresholds/").content.decode()
    assert "<dt>Products scored</dt><dd>30</dd>" in page
    assert f"Scores and labels as they were at {at['scores']}." in page
    assert f"As it was at {at['quality']}." in lead.get("/admin/quality/").content.decode()
    # None has the P(mismatch) yet that this version gives.
    start = lead.get("/admin/").content.decode()
    assert "<b>30 products</b> still carry" in start and f"(counted at {at['stale']})" in start
    thresholds.set_thresholds(bundled, _proposal(0.3))
    start = lead.get("/admin/").content.decode()
    assert "<b>60 products</b> still carry" in start and "counted at" not in start


def _proposal(value: float) -> thresholds.Proposal:
    return thresholds.Proposal(thresholds.Target("value", value), value, None, ["By hand."])


def test_what_was_mended_is_counted_anew_at_once(
    bundled: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bundled, count=30)
    monkeypatch.setattr(held, "LONG", -1.0)
    prepare.prepare()
    assert stale.count(bundled) == 30
    stale.mend(bundled)
    assert stale.count(bundled) == 0


def test_a_large_catalogue_is_counted_once_for_many_requests(
    bundled: ModelVersion, slow: None
) -> None:
    fill(bundled, count=30)
    first = thresholds.evidence(bundled).catalogue
    count = stale.count(bundled)
    fill(bundled, count=30, prefix="T", seed=1)

    again = thresholds.evidence(bundled).catalogue
    assert (again.low, again.total, stale.count(bundled)) == (first.low, 30, count)
    assert np.array_equal(again.counts, first.counts)
    bundled.calibration = {"offsets": {"toys": 0.7}}  # another question
    assert thresholds.evidence(bundled).catalogue.total == 60


def test_waiting_questions_move_to_another_version_in_chunks(
    bundled: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = fill(bundled, count=7)
    analyze.request(products, version=bundled)
    other = ModelVersion.objects.create(name="other", source="folder", threshold=0.2)
    monkeypatch.setattr(questions, "MOVED_AT_ONCE", 3)
    Analysis.objects.pending().filter(product=products[0]).update(status="running")

    questions.move(bundled, to=other)
    waiting = Analysis.objects.pending()
    assert not waiting.filter(model_version=bundled).exists()
    moved = waiting.filter(model_version=other).values_list("product", flat=True)
    assert sorted(moved) == sorted(product.pk for product in products[1:])
    questions.move(other, to=other)
    assert waiting.count() == 6
