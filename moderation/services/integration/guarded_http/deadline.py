"""The time that a request has, as a whole: no library's timeouts end a host that drips bytes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Deadline:
    """So many seconds from now."""

    seconds: float
    began: float = field(default_factory=time.monotonic)

    @property
    def passed(self) -> float:
        """Seconds since it was set."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float:
        """Seconds until it is over; below 0 where it is."""
        return self.seconds - self.passed


@contextlib.contextmanager
def ended_after(seconds: float, *, hang_up: Callable[[], None]) -> Iterator[None]:
    """Break off what reads from a socket after `seconds`, and raise `TimeoutError` then.

    A socket's own timeout is for each read: a host that drips would never reach it.
    """
    over = threading.Event()

    def end() -> None:
        over.set()
        with contextlib.suppress(OSError, RuntimeError, ValueError):  # it has just ended itself
            hang_up()

    timer = threading.Timer(max(seconds, 0), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except Exception as error:
        if over.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
    if over.is_set():  # a connection that was cut looks like one that came to its end
        raise TimeoutError
