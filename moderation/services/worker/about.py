"""What a worker tells of itself in its heartbeat: its host, what it runs on, what it has done.

Counters begin with the process, as a monitoring system expects of them, so no table of a million
rows is counted to know them.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from typing import Any

from moderation import __version__

_MINUTES = 60


class About:
    """Of this process; the thread that beats reads what the one that works writes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, str] = {}
        self._outcomes: Counter[str] = Counter()
        self._by_minute: Counter[int] = Counter()
        self._batches, self._seconds = 0, 0.0

    def runs(self, *, model: str, device: str, precision: str, backend: str) -> None:
        """The model that was used last, and on what."""
        with self._lock:
            self._runs = {
                "model": model,
                "device": device,
                "precision": precision,
                "backend": backend,
            }

    def answered(self, outcomes: Counter[str], *, seconds: float) -> None:
        """Count a batch: how many analyses ended how (`done`, or why not), and how long it took."""
        with self._lock:
            self._outcomes += outcomes
            self._by_minute[_minute()] += outcomes.total()
            self._batches += 1
            self._seconds += seconds

    def gave_up(self, cause: str, number: int) -> None:
        """Count analyses that no worker will try again, though none has answered them."""
        with self._lock:
            self._outcomes[cause] += number

    def as_json(self) -> dict[str, Any]:
        """For the heartbeat."""
        with self._lock:
            for minute in [one for one in self._by_minute if one <= _minute() - _MINUTES]:
                del self._by_minute[minute]
            return {
                "host": socket.gethostname(),
                "version": __version__,
                **self._runs,
                "outcomes": dict(self._outcomes),
                "batches": self._batches,
                "seconds": round(self._seconds, 3),
                "last_hour": self._by_minute.total(),
            }


def _minute() -> int:
    return int(time.monotonic() // 60)


this_worker = About()
