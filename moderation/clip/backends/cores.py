"""Run a model on a CPU as one single-threaded call per core, without disturbing other threads."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
_WIDE = "clip-wide"


class Inherits(Protocol):
    """What holds threads, which a forked child does not have."""

    def forget_parent(self) -> None:
        """Called once in the child, before anything else."""


# Weakly: what is registered with `os` itself stays for ever, and a model's weights with it.
_INHERITED: weakref.WeakSet[Inherits] = weakref.WeakSet()


def in_child(one: Inherits) -> None:
    """Let `one` forget its parent's threads in each child that this process forks."""
    _INHERITED.add(one)


def _forget_parent() -> None:
    for one in list(_INHERITED):
        one.forget_parent()


os.register_at_fork(after_in_child=_forget_parent)


def threads(cores: int) -> ThreadPoolExecutor:
    """Threads for a library that is told by each call how many cores it may use."""
    return ThreadPoolExecutor(cores, thread_name_prefix="clip")


def torch_threads(cores: int) -> ThreadPoolExecutor:
    """Threads in which torch uses one core each.

    `torch.set_num_threads` sets two things: the OpenMP team of the calling thread, which is what
    its next call uses, and a default for threads that have not used torch yet. So each sets its own
    to one, and the thread that made them puts the default back.
    """
    import torch

    usual = torch.get_num_threads()
    started = threading.Barrier(cores + 1)
    pool = ThreadPoolExecutor(
        cores, thread_name_prefix="clip", initializer=torch.set_num_threads, initargs=(1,)
    )
    for _ in range(cores):
        pool.submit(started.wait)
    started.wait()
    torch.set_num_threads(usual)
    return pool


class CorePool:
    """Threads for model calls: `cores` single-threaded ones, and one that uses all cores.

    `narrow` makes the single-threaded ones. Threads do not survive a fork, so a child process makes
    its own on first use.
    """

    def __init__(
        self, cores: int, *, narrow: Callable[[int], ThreadPoolExecutor] = torch_threads
    ) -> None:
        self.cores, self._make_narrow = cores, narrow
        self._lock = threading.Lock()
        self._pid = 0
        in_child(self)

    def map(
        self,
        function: Callable[[In], Out],
        items: Iterable[In],
        *,
        each: Callable[[], None] = lambda: None,
    ) -> list[Out]:
        """Call `function` on each item, one core per call; results in order.

        `each` is called in this thread after each result, and may raise to stop.
        """
        narrow, _ = self._executors()
        return _results([narrow.submit(function, item) for item in items], each=each)

    def wide(self, function: Callable[[In], Out], item: In) -> Out:
        """Call `function` once, on all cores: best for one or two pictures."""
        _, wide = self._executors()
        return wide.submit(function, item).result()

    def cores_of_call(self) -> int:
        """How many cores the call in which this is asked may use."""
        return self.cores if threading.current_thread().name.startswith(_WIDE) else 1

    def _executors(self) -> tuple[ThreadPoolExecutor, ThreadPoolExecutor]:
        with self._lock:
            if self._pid != os.getpid():
                self._narrow = self._make_narrow(self.cores)
                self._wide = ThreadPoolExecutor(1, thread_name_prefix=_WIDE)
                self._pid = os.getpid()
            return self._narrow, self._wide

    def forget_parent(self) -> None:
        self._lock = threading.Lock()
        self._pid = 0


@contextmanager
def single_threaded() -> Iterator[None]:
    """This thread's own torch calls use one core: on a busy processor many small calls over all
    cores wait for the slowest each time, which made a training ten times slower."""
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


def _results(futures: list[Future[Out]], *, each: Callable[[], None]) -> list[Out]:
    """The results in order. No name here holds a future: an error's traceback holds this frame, and
    a future its error, and that circle would keep what the failed call had in memory."""
    found: list[Out] = []
    futures.reverse()
    try:
        while futures:
            found.append(futures.pop().result())
            each()
        return found
    finally:
        while futures:
            futures.pop().cancel()
