"""Answers that took long are cached for a while, others are found anew each time."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable
from dataclasses import fields, is_dataclass
from datetime import timedelta
from functools import partial
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from django.core.cache import caches
from django.db.models import F
from django.test import Client
from django.utils import timezone

from moderation import tasks
from moderation.models import Analysis, CacheEntry, ModelVersion
from moderation.services.estimates.figures import Catalogue
from moderation.services.measures import prepare, quality
from moderation.services.measures.quality import Quality
from moderation.services.measures.queue_health import Count
from moderation.services.measures.seller_panel import SellerCount
from moderation.services.measures.team_figures import Figures
from moderation.services.queries import cache
from moderation.services.registry import questions
from moderation.services.release import known_scores, threshold_targets
from moderation.services.release.known_scores import KnownScores
from moderation.services.scoring import analyze, stale
from tests.support.factories import MakeUser
from tests.support.scored_shop import fill

pytestmark = pytest.mark.django_db


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything takes long, and so is cached long."""
    monkeypatch.setattr(cache, "LONG", -1.0)
    monkeypatch.setattr(cache, "TIMES", 1e10)


def counting() -> Callable[[], int]:
    """What gives another number each time."""
    return partial(next, itertools.count(1))


def later(**by: int) -> None:
    """Let the time go by, as far as what is cached can tell."""
    CacheEntry.objects.update(expires=F("expires") - timedelta(**by))


def test_what_took_long_is_not_found_twice_for_the_same_things(slow: None) -> None:
    find = counting()
    assert [cache.value("x", [1], find) for _ in range(3)] == [1, 1, 1]
    assert cache.value("x", [2], find) == 2  # depends on something else
    assert cache.value("y", [1], find) == 3


def test_what_was_quick_is_found_each_time() -> None:
    find = counting()
    assert [cache.value("x", [1], find) for _ in range(3)] == [1, 2, 3]


def test_an_answer_says_since_when_it_is_cached(slow: None) -> None:
    find, before = counting(), timezone.now()
    assert cache.entry("x", [], find).cached_since is None
    after = timezone.now()
    later(minutes=3)
    since = cache.entry("x", [], find).cached_since
    assert since is not None and before <= since <= after


def test_another_release_finds_its_own_answers(slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    find = counting()
    assert [cache.value("x", [], find) for _ in range(2)] == [1, 1]
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
    assert cache.value("x", [], find) == 2


def test_an_answer_of_another_shape_is_of_another_version() -> None:
    """What a former release pickled must not reach code that reads other fields of it."""
    answers = [cache.Entry, Catalogue, KnownScores, Quality, Figures, SellerCount, Count]
    shape = hashlib.sha256("\n".join(sorted(_shape(answers))).encode()).hexdigest()[:12]
    assert (cache.VERSION, shape) == (2, "d67cceca39a9"), (
        "What is cached has other fields than before: count cache.VERSION up where a release had "
        "the former ones, and write down both here."
    )


def _shape(kinds: Iterable[Any]) -> set[str]:
    """Name and fields of each dataclass among these types, and of those in them."""
    found = set()
    for kind in kinds:
        inner: Iterable[Any] = get_args(kind)
        if isinstance(kind, type) and is_dataclass(kind):
            names = ", ".join(field.name for field in fields(kind))
            found.add(f"{kind.__module__}.{kind.__qualname__}({names})")
            inner = get_type_hints(kind).values()
        found |= _shape(inner)
    return found


def test_what_the_worker_prepares_is_found_anew_after_minutes_and_taken_for_an_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "LONG", -1.0)
    find = counting()
    cache.prepare("x", [], find)
    cache.prepare("x", [], find)
    assert cache.value("x", [], find) == 1
    later(minutes=6)
    assert cache.value("x", [], find) == 1
    cache.prepare("x", [], find)
    assert cache.value("x", [], find) == 2
    cache.prepare("x", [], find, at_once=True)
    assert cache.value("x", [], find) == 3
    later(minutes=61)  # the worker is gone
    assert cache.value("x", [], find) == 4


def test_what_a_page_found_for_itself_is_prepared_before_it_runs_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cache, "LONG", -1.0)
    monkeypatch.setattr(cache, "TIMES", 1e5)
    find = counting()
    cache.value("x", [], find)
    cache.prepare("x", [], find)
    assert cache.value("x", [], find) == 2


def test_what_the_worker_finds_quickly_is_taken_by_no_page_and_not_found_each_minute() -> None:
    find = counting()
    cache.prepare("x", [], find)
    cache.prepare("x", [], find)
    assert cache.value("x", [], find) == 2
    later(minutes=6)
    cache.prepare("x", [], find)
    assert cache.value("x", [], find) == 4


def test_old_answers_are_dropped(slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches["answers"], "_max_entries", 0)
    cache.value("x", [], counting())
    later(days=2)
    cache.value("y", [], counting())
    assert [row.cache_key.split(":")[2] for row in CacheEntry.objects.all()] == ["y"]


def test_the_sweep_finds_what_pages_show(
    bundled: ModelVersion, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bundled, count=30)
    monkeypatch.setattr(cache, "LONG", -1.0)
    tasks.sweep()
    found = {
        "scores": known_scores.known_scores(bundled).cached_since,
        "quality": quality.quality().cached_since,
        "stale": stale.counted(bundled).cached_since,
    }
    at = {name: f"{timezone.localtime(since):%H:%M}" for name, since in found.items() if since}
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
    threshold_targets.set_thresholds(bundled, _proposal(0.3))
    start = lead.get("/admin/").content.decode()
    assert "<b>60 products</b> still carry" in start and "counted at" not in start


def _proposal(value: float) -> threshold_targets.Proposal:
    return threshold_targets.Proposal(
        threshold_targets.Target("value", value), value, None, ["By hand."]
    )


def test_what_was_mended_is_counted_anew_at_once(
    bundled: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(bundled, count=30)
    monkeypatch.setattr(cache, "LONG", -1.0)
    prepare.prepare_figures()
    assert stale.count(bundled) == 30
    stale.refresh(bundled)
    assert stale.count(bundled) == 0


def test_a_large_catalogue_is_counted_once_for_many_requests(
    bundled: ModelVersion, slow: None
) -> None:
    fill(bundled, count=30)
    first = threshold_targets.evidence(bundled).catalogue
    count = stale.count(bundled)
    fill(bundled, count=30, prefix="T", seed=1)

    again = threshold_targets.evidence(bundled).catalogue
    assert (again.low, again.total, stale.count(bundled)) == (first.low, 30, count)
    assert np.array_equal(again.counts, first.counts)
    bundled.calibration = {"offsets": {"toys": 0.7}}  # another question
    assert threshold_targets.evidence(bundled).catalogue.total == 60


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
