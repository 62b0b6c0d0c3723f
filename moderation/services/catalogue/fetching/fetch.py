"""Photos are fetched: a few hosts at once, each politely, what came settled as it comes.

Nothing is kept in memory but what is on its way, and nothing hangs on this process: a photo is
stored under its hash before its row says that it is here, so after a kill another process goes on
with the rows that still wait. While the database is away, what came waits for it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import connection

from moderation.models import ProductPhoto

from ...integration.guarded_http import GuardedClient, Problem
from ...worker import heartbeat
from ...worker.patience import ASK_EVERY, Patience
from . import arrivals, download, hosts
from .arrivals import Answer, NotFetched

logger = logging.getLogger(__name__)

HOSTS_AT_ONCE = 4
LOOK_EVERY = 1.0  # seconds between looks for more, while there is nothing to do
READ_AHEAD = 100  # rows of one look

T = TypeVar("T")
UnderWay = dict[Future[Answer], ProductPhoto]


class Fetcher:
    """Fetches what waits until it is told to stop. `progress` gets how many were asked for."""

    def __init__(
        self,
        *,
        progress: Callable[[int], None] | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.owner = heartbeat.me()
        self.stopping = threading.Event()
        self.count = 0
        self._progress = progress or (lambda count: None)
        self._should_stop = should_stop
        self._lock = threading.Lock()

    def run(self, *, linger: float = 0.0) -> int:
        """Fetch until nothing is due for `linger` seconds; returns how many were asked for.

        Raises `NotStored` where photos cannot be kept.
        """
        turns: set[Future[None]] = set()
        idle_since = renewed_at = time.monotonic()
        with ThreadPoolExecutor(HOSTS_AT_ONCE, thread_name_prefix="host") as pool:
            while not self._is_stopping():
                while len(turns) < HOSTS_AT_ONCE and (name := self._claim()):
                    turns.add(pool.submit(self._turn, name))
                if turns:
                    done, turns = wait(turns, LOOK_EVERY, FIRST_COMPLETED)
                    self._look_at(done)
                    idle_since = time.monotonic()
                elif time.monotonic() - idle_since >= linger:
                    break
                else:
                    self.stopping.wait(LOOK_EVERY)
                if time.monotonic() - renewed_at > hosts.LEASE.total_seconds() / 4:
                    _patiently(partial(hosts.renew_all, self.owner))
                    renewed_at = time.monotonic()
            for turn in turns:
                turn.result()
        return self.count

    def _is_stopping(self) -> bool:
        if self._should_stop():
            self.stopping.set()
        return self.stopping.is_set()

    def _claim(self) -> str | None:
        return _patiently(partial(hosts.claim, self.owner))

    def _look_at(self, done: set[Future[None]]) -> None:
        try:
            for turn in done:
                turn.result()
        except BaseException:
            self.stopping.set()  # the other hosts end what is under way, and no more
            raise

    def _turn(self, host: str) -> None:
        """Ask one host for all that is due there."""
        pause = 0.0
        try:
            with download.client() as client:
                pause = self._ask_all(host, client)
        finally:
            try:
                _patiently(partial(hosts.release, host, owner=self.owner, for_seconds=pause))
            finally:
                connection.close()  # of this thread

    def _ask_all(self, host: str, client: GuardedClient) -> float:
        """Returns for how many seconds the host asked to be left alone."""
        limiter, pause = hosts.rate_limiter(), 0.0
        under_way: UnderWay = {}
        with ThreadPoolExecutor(settings.FETCH_CONNECTIONS, thread_name_prefix="photo") as pool:
            for row in self._due(host, under_way):
                if pause or self.stopping.is_set():
                    break
                limiter.wait()
                under_way[pool.submit(download.download, client, row)] = row
                is_full = len(under_way) >= settings.FETCH_CONNECTIONS
                pause = max(pause, self._settle(under_way, until_one=is_full))
            while under_way:
                pause = max(pause, self._settle(under_way, until_one=True))
        return pause

    def _due(self, host: str, under_way: UnderWay) -> Iterator[ProductPhoto]:
        """Rows to ask for, as long as the host is ours."""
        while _patiently(partial(hosts.renew, host, owner=self.owner)):
            asked = [row.pk for row in under_way.values()]
            due = hosts.to_fetch().filter(host=host).exclude(pk__in=asked)
            found: list[ProductPhoto] = _patiently(
                partial(list, due.order_by("due_at", "pk")[:READ_AHEAD])
            )
            if not found:
                return
            yield from found

    def _settle(self, under_way: UnderWay, *, until_one: bool) -> float:
        """Write down what has come; returns how long the host wants to be left alone."""
        done, _ = wait(under_way, None if until_one else 0, FIRST_COMPLETED)
        if not done:
            return 0.0
        answers = [(under_way.pop(one), one.result()) for one in done]
        _write_down(answers)
        with self._lock:
            self.count += len(answers)
            self._progress(self.count)
        return max((_pause(answer) for _, answer in answers), default=0.0)


def _write_down(answers: list[tuple[ProductPhoto, Answer]]) -> None:
    """What cannot be written of one photo is that one's problem, and no other's."""
    try:
        _patiently(partial(arrivals.settle, answers))
    except Exception as error:
        if len(answers) > 1:
            for one in answers:
                _write_down([one])
            return
        ((row, answer),) = answers
        if isinstance(answer, NotFetched):  # not even that: it is no fault of the host's answer
            raise
        logger.exception("What came of photo %d cannot be written", row.pk)
        _write_down([(row, download.unexpected(error))])


def _patiently(question: Callable[[], T]) -> T:
    """What the database answers, once it does; the log says in a line that it does not."""
    database = Patience()
    while True:
        answer = database.ask(question)
        if not database.is_silent:
            return answer  # type: ignore[return-value]
        time.sleep(ASK_EVERY)


def _pause(answer: Answer) -> float:
    if isinstance(answer, NotFetched) and answer.problem == Problem.RATE_LIMITED:
        return answer.wait or arrivals.FIRST_WAIT
    return 0.0
