"""How the commands show that they are getting on: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

_SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def progress_bar(what: str, *, unit: str = "rows") -> Iterator[Callable[[int, int], None]]:
    """Yields a callable that takes (done, in all) and shows them on stderr."""
    if not sys.stderr.isatty():
        yield _lines(what, unit)
        return
    with tqdm(desc=what, unit=f" {unit}", dynamic_ncols=True) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def _lines(what: str, unit: str) -> Callable[[int, int], None]:
    last = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"{what}: {done:,} of {total:,} {unit}", file=sys.stderr, flush=True)  # noqa: T201

    return show
