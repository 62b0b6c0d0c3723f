"""Answers that take long to find, held for a while, so that no page asks for them each time.

They lie in a table, so that all processes share them: the worker finds anew what is on pages that
everybody sees (`prepare`), and no request waits for it. What is found quickly is never held.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from django.utils import timezone

from moderation.models import HeldAnswer

LONG = 0.25  # seconds; what is found faster is asked for anew each time
TIMES = 20  # an answer holds for so many times as long as it took: a twentieth of the time at most
# What the worker prepares it finds anew so often; a busy one may come later.
ANEW_AFTER = timedelta(minutes=5)
PREPARED_FOR = timedelta(hours=1)
_FORGOTTEN_AFTER = timedelta(days=1)
_APP = Path(__file__).parents[2]

T = TypeVar("T")


@dataclass(frozen=True)
class Answer(Generic[T]):
    """What was found, and when where that is a while ago."""

    found: T
    held_since: datetime | None = None


def held(
    name: str,
    depends_on: Any,
    find: Callable[[], T],
    *,
    long: float | None = None,
    at_least: timedelta = timedelta(),
) -> T:
    """What `find` gives, or gave a moment ago for the same things that it depends on.

    What took `long` seconds (`LONG` where none are given) is held, `at_least` for so long.
    """
    return answer(name, depends_on, find, long=long, at_least=at_least).found


def answer(
    name: str,
    depends_on: Any,
    find: Callable[[], T],
    *,
    long: float | None = None,
    at_least: timedelta = timedelta(),
) -> Answer[T]:
    """As `held`, with the time of an answer that was held."""
    key = _key(name, depends_on)
    known: Answer[T] | None = _known(key)
    if known is not None:
        return known
    found, seconds = _timed(find)
    if seconds > (LONG if long is None else long):
        _keep(key, found, seconds, max(timedelta(seconds=seconds * TIMES), at_least))
    return Answer(found)


def prepare(name: str, depends_on: Any, find: Callable[[], Any], *, at_once: bool = False) -> None:
    """In the worker: find what pages will ask for, unless that was done a moment ago."""
    key = _key(name, depends_on)
    if at_once or _is_due(key):
        found, seconds = _timed(find)
        # A quick answer is kept for its time alone: no page takes it.
        _keep(key, found, seconds, PREPARED_FOR if seconds > LONG else timedelta())


def forget_old() -> None:
    """Drop what nobody takes any longer."""
    HeldAnswer.objects.filter(until__lt=timezone.now() - _FORGOTTEN_AFTER).delete()


def _is_due(key: str) -> bool:
    now = timezone.now()
    last = HeldAnswer.objects.filter(pk=key).defer("answer").first()
    if last is None or last.found_at <= now - max(
        ANEW_AFTER, timedelta(seconds=last.seconds * TIMES)
    ):
        return True
    # What a page found for itself would run out before the next time.
    return last.seconds > LONG and last.until <= now + ANEW_AFTER


def _timed(find: Callable[[], T]) -> tuple[T, float]:
    started = time.monotonic()
    found = find()
    return found, time.monotonic() - started


def _known(key: str) -> Answer[Any] | None:
    row = HeldAnswer.objects.filter(pk=key, until__gt=timezone.now()).first()
    return Answer(pickle.loads(row.answer), row.found_at) if row else None


def _keep(key: str, found: Any, seconds: float, lifetime: timedelta) -> None:
    now = timezone.now()
    row = HeldAnswer(
        key=key,
        answer=pickle.dumps(found),
        seconds=seconds,
        found_at=now,
        until=now + lifetime,
    )
    # One statement: of two processes that found the same at once, neither fails.
    HeldAnswer.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["answer", "seconds", "found_at", "until"],
    )


def _key(name: str, depends_on: Any) -> str:
    asked = json.dumps([_release(), depends_on], sort_keys=True)
    return f"{name}:{hashlib.sha256(asked.encode()).hexdigest()}"


@cache
def _release() -> str:
    """Of the code that finds: another release may give its answers another shape."""
    digest = hashlib.sha256()
    for file in _code_that_finds():
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _code_that_finds() -> list[Path]:
    return [file for part in ("services", "clip") for file in sorted((_APP / part).rglob("*.py"))]
