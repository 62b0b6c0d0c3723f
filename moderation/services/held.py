"""Answers that take long to find, held for a while, so that no page asks for them each time."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.core.cache import cache

LONG = 0.25  # seconds; what is found faster is asked for anew each time
TIMES = 20  # an answer holds for so many times as long as it took: a twentieth of the time at most

T = TypeVar("T")


def held(name: str, depends_on: Any, find: Callable[[], T]) -> T:
    """What `find` gives, or gave a moment ago for the same things that it depends on."""
    digest = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()
    key = f"clipmod:{name}:{digest}"
    known: tuple[T] | None = cache.get(key)
    if known is not None:
        return known[0]
    started = time.monotonic()
    found = find()
    seconds = time.monotonic() - started
    if seconds > LONG:
        cache.set(key, (found,), timeout=seconds * TIMES)
    return found
