"""Answers that take long to find are cached, so that no page computes them each time.

What is found quickly is never cached. The cache `answers` is shared by all processes: the worker
refreshes what is on pages that everybody sees (`prepare`), and no request waits for it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.core.cache import caches
from django.utils import timezone

LONG = 0.25  # seconds; what is found faster is computed each time
TIMES = 20  # an answer is cached for so many times as long as it took: a twentieth of the time
# What the worker prepares it refreshes so often; a busy one may come later.
REFRESH_AFTER = timedelta(minutes=5)
PREPARED_FOR = timedelta(hours=1)
# Part of every key. Count it up when an answer's class gets or loses a field, or moves: the next
# release then never meets what this one pickled. A test notices where that is forgotten.
VERSION = 2
_QUICK, _KEPT = "quick", "kept"  # how the worker's last look at an answer ended

T = TypeVar("T")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """What was found, and when where that is a while ago."""

    value: T
    cached_since: datetime | None = None


def value(
    name: str,
    depends_on: Any,
    find: Callable[[], T],
    *,
    long: float | None = None,
    at_least: timedelta = timedelta(),
) -> T:
    """What `find` gives, or gave a moment ago for the same things that it depends on.

    What took `long` seconds (`LONG` where none are given) is cached, `at_least` for so long.
    """
    return entry(name, depends_on, find, long=long, at_least=at_least).value


def entry(
    name: str,
    depends_on: Any,
    find: Callable[[], T],
    *,
    long: float | None = None,
    at_least: timedelta = timedelta(),
) -> Entry[T]:
    """As `value`, with the time of an answer that was cached."""
    key = _key(name, depends_on)
    known: Entry[T] | None = caches["answers"].get(key, version=VERSION)
    if known is not None:
        return known
    found, seconds = _timed(find)
    if seconds > (LONG if long is None else long):
        _keep(key, found, max(_lifetime(seconds), at_least))
    return Entry(found)


def prepare(name: str, depends_on: Any, find: Callable[[], Any], *, at_once: bool = False) -> None:
    """In the worker: find what pages will need, unless that was done a moment ago."""
    key, answers = _key(name, depends_on), caches["answers"]
    prepared = f"{key}:prepared"
    last = answers.get(prepared, version=VERSION)
    # What was kept may have been culled since; what was quick to find was not kept at all.
    if not at_once and (last == _QUICK or (last and answers.has_key(key, version=VERSION))):
        return
    found, seconds = _timed(find)
    if seconds > LONG:
        _keep(key, found, PREPARED_FOR)
    else:
        answers.delete(key, version=VERSION)
    refresh_after = max(REFRESH_AFTER, min(_lifetime(seconds), PREPARED_FOR - REFRESH_AFTER))
    ended = _KEPT if seconds > LONG else _QUICK
    answers.set(prepared, ended, refresh_after.total_seconds(), version=VERSION)


def _lifetime(seconds: float) -> timedelta:
    return timedelta(seconds=seconds * TIMES)


def _timed(find: Callable[[], T]) -> tuple[T, float]:
    started = time.monotonic()
    found = find()
    return found, time.monotonic() - started


def _keep(key: str, found: Any, lifetime: timedelta) -> None:
    entry = Entry(found, cached_since=timezone.now())
    caches["answers"].set(key, entry, lifetime.total_seconds(), version=VERSION)


def _key(name: str, depends_on: Any) -> str:
    asked = json.dumps(depends_on, sort_keys=True)
    return f"{name}:{hashlib.sha256(asked.encode()).hexdigest()}"
