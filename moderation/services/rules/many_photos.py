"""Many photos at a time: where they lie elsewhere, so many are asked for at once.

An object store takes some time to begin each answer, and does not mind many questions. Ahead of who
uses the photos a few are fetched, never all. On this machine's disk nothing is read ahead.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import BinaryIO, TypeVar, cast

from . import photos

# Fewer than the connections of the storage's client (clipmod/s3_storage.py).
AT_ONCE = 16

Row = TypeVar("Row")
Answer = TypeVar("Answer")
Source = TypeVar("Source")


def threads(on_disk: int | None = None) -> int:
    """How many threads shall read or write photos: as many as cores, where nothing else is said.

    Where that is waiting for an answer, more.
    """
    few = on_disk or os.cpu_count() or 1
    return few if photos.local("") else max(few, AT_ONCE)


def beside(
    rows: Iterable[Row],
    name_of: Callable[[Row], str | None],
    *,
    ask: Callable[[str], Answer],
) -> Generator[tuple[Row, Callable[[], Answer]]]:
    """Each row with what gives, or raises, what `ask` says of its photo, such as `photos.read`.

    `name_of` is asked ahead of the row's turn; None: its photo is not wanted.
    """
    if photos.local(""):
        yield from ((row, partial(ask, name_of(row) or "")) for row in rows)
        return
    unwanted: Future[Answer] = Future()
    unwanted.set_exception(FileNotFoundError())
    coming: deque[tuple[Row, Future[Answer]]] = deque()
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="photo")
    try:
        for row in rows:
            name = name_of(row)
            coming.append((row, pool.submit(ask, name) if name is not None else unwanted))
            if len(coming) > AT_ONCE:
                first, found = coming.popleft()
                yield first, found.result
        while coming:
            first, found = coming.popleft()
            yield first, found.result
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def ahead(sources: Sequence[Source]) -> Iterator[list[Source]]:
    """The same photos for whatever decodes them, in any number of threads, in about this order.

    Whoever opens one of those that lie elsewhere sets off the next few. Each is there once.
    """
    remote = [source for source in sources if isinstance(source, photos.Remote)]
    if len(remote) < 2:
        yield list(sources)
        return
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="photo")
    fetched = iter(_Fetches(remote, pool).sources())
    try:
        yield [
            cast(Source, next(fetched)) if isinstance(source, photos.Remote) else source
            for source in sources
        ]
    finally:
        pool.shutdown(cancel_futures=True)


def lost(names: Iterable[str]) -> list[str]:
    """Those of which there is no file. Elsewhere all that is there is listed, a thousand a request.

    Raises `OSError` where that does not answer.
    """
    if photos.local(""):
        return sorted(name for name in names if not photos.exists(name))
    left = set(names)
    for name in photos.names() if left else ():
        left.discard(name)
    return sorted(left)


def remove(names: Iterable[str], *, since: datetime | None = None) -> tuple[int, list[str]]:
    """Delete photos; returns how many there were, and those of which that is not known.

    Those that were stored, or sent again, `since` then stay. A storage that does not answer now has
    them still.
    """

    def removed(name: str) -> bool | None:
        try:
            return photos.remove_untouched(name, since=since) if since else photos.remove(name)
        except OSError:
            return None

    asked = sorted(names)
    with ThreadPoolExecutor(threads(1)) as pool:
        found = dict(zip(asked, pool.map(removed, asked), strict=True))
    return sum(map(bool, found.values())), [name for name, was in found.items() if was is None]


class _Fetches:
    """Photos that are fetched before somebody asks, `AT_ONCE` beyond each one that is asked for."""

    def __init__(self, remote: Sequence[photos.Remote], pool: ThreadPoolExecutor) -> None:
        self._remote, self._pool = remote, pool
        self._coming: dict[int, Future[bytes]] = {}
        self._begun = [False] * len(remote)
        self._lock = threading.Lock()

    def sources(self) -> list[BinaryIO]:
        return [
            cast(BinaryIO, _Fetched(source, partial(self._take, number)))
            for number, source in enumerate(self._remote)
        ]

    def _take(self, number: int) -> bytes:
        with self._lock:
            for next_one in range(number, min(number + AT_ONCE, len(self._remote))):
                if not self._begun[next_one]:
                    self._begun[next_one] = True
                    self._coming[next_one] = self._pool.submit(self._remote[next_one].read)
            found = self._coming.pop(number, None)
        # Asked for a second time it is fetched a second time: nothing is kept.
        return found.result() if found else self._remote[number].read()


class _Fetched:
    """A stream, as decoding a picture takes one."""

    def __init__(self, source: photos.Remote, take: Callable[[], bytes]) -> None:
        self.name, self._take = source.name, take

    def read(self, size: int = -1) -> bytes:
        return self._take()[: None if size < 0 else size]
