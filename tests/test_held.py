"""Answers that took long are held for a while, others are found anew each time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from django.core.cache import cache

from moderation.models import Analysis, ModelVersion
from moderation.services import analyze, held, stale, thresholds

from .scored_shop import fill


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def test_what_took_long_is_not_found_twice_for_the_same_things(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(held, "LONG", -1.0)
    monkeypatch.setattr(held, "TIMES", 1e9)
    calls: list[int] = []

    def find() -> int:
        calls.append(1)
        return len(calls)

    assert [held.held("x", [1], find) for _ in range(3)] == [1, 1, 1]
    assert held.held("x", [2], find) == 2  # depends on something else
    assert held.held("y", [1], find) == 3


def test_what_was_quick_is_found_each_time() -> None:
    found = iter(range(3))
    assert [held.held("x", [1], lambda: next(found)) for _ in range(3)] == [0, 1, 2]


@pytest.mark.django_db
def test_a_large_catalogue_is_counted_once_for_many_requests(
    bundled: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "LONG", -1.0)
    monkeypatch.setattr(held, "TIMES", 1e9)
    fill(bundled, count=30)
    first = thresholds.evidence(bundled).catalogue
    count = stale.count(bundled)
    fill(bundled, count=30, prefix="T", seed=1)

    again = thresholds.evidence(bundled).catalogue
    assert (again.low, again.total, stale.count(bundled)) == (first.low, 30, count)
    assert np.array_equal(again.counts, first.counts)
    bundled.calibration = {"offsets": {"toys": 0.7}}  # another question
    assert thresholds.evidence(bundled).catalogue.total == 60


@pytest.mark.django_db
def test_waiting_questions_move_to_another_version_in_chunks(
    bundled: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = fill(bundled, count=7)
    analyze.request(products, version=bundled)
    other = ModelVersion.objects.create(name="other", source="folder", threshold=0.2)
    monkeypatch.setattr(analyze, "MOVED_AT_ONCE", 3)
    Analysis.objects.pending().filter(product=products[0]).update(status="running")

    analyze.move_questions(bundled, to=other)
    waiting = Analysis.objects.pending()
    assert not waiting.filter(model_version=bundled).exists()
    moved = waiting.filter(model_version=other).values_list("product", flat=True)
    assert sorted(moved) == sorted(product.pk for product in products[1:])
    analyze.move_questions(other, to=other)
    assert waiting.count() == 6
