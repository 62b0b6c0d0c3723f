"""How a training shows itself in the terminal: a bar on a terminal, else its lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import OutputWrapper
from tqdm import tqdm

from moderation.clip.training.progress import Report, Update

_SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def training_bar(out: OutputWrapper) -> Iterator[Report]:
    """Yields a report that moves a bar on stderr and prints the lines for people on `out`."""
    if not sys.stderr.isatty():
        yield _lines(out)
        return
    shape = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}{postfix}"
    with tqdm(total=1000, bar_format=shape, dynamic_ncols=True) as bar:

        def show(update: Update) -> None:
            if update.line:
                with tqdm.external_write_mode():
                    out.write(f"{update.line}\n")
            if update.point is not None:
                bar.set_postfix_str(_losses(update.point), refresh=False)
            bar.set_description_str(update.doing, refresh=False)
            bar.update(max(0, int(1000 * update.progress) - bar.n))

        yield show


def _losses(point: dict[str, float]) -> str:
    return ", ".join(
        f"{name} loss {point[name]:.3f}" for name in ("train", "validation") if name in point
    )


def _lines(out: OutputWrapper) -> Report:
    last = time.monotonic()

    def show(update: Update) -> None:
        nonlocal last
        if update.line:
            out.write(f"{update.line}\n")
        elif time.monotonic() - last > _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            out.write(f"{update.doing}: {update.progress:.0%}\n")
            out.flush()

    return show
