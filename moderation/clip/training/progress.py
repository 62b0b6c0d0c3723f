"""How a training tells what it is doing, and how it is told to stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from moderation.clip.errors import ClipError


@dataclass(frozen=True)
class Update:
    """A heartbeat: what is being done, how much of the whole is done (0 to 1).

    `point` is a point of the loss curve, {"step": ..., "train": ..., "validation": ...}, and
    `line` a line for the log; both may be omitted.
    """

    doing: str
    progress: float
    point: dict[str, float] | None = None
    line: str = ""


# Called often (every step); raises `Cancelled` where the training should stop.
Report = Callable[[Update], None]


class Cancelled(ClipError):
    """Somebody asked the training to stop."""


class ProgressHeartbeat:
    """Passes updates on, and repeats the last one from within work that cannot say how far it is.

    A training that sends none for long is taken for dead.
    """

    def __init__(self, tell: Report) -> None:
        self._tell, self._last = tell, Update("", 0.0)

    def tell(self, update: Update) -> None:
        self._last = replace(update, point=None, line="")
        self._tell(update)

    def again(self) -> None:
        """The last update once more, without its point and line."""
        self._tell(self._last)


def in_silence(_update: Update) -> None:
    """A report that nobody reads."""


def rising(report: Report) -> Report:
    """The report, with a progress that never falls: parts of the work are of unknown length."""
    highest = 0.0

    def tell(update: Update) -> None:
        nonlocal highest
        highest = max(highest, update.progress)
        report(replace(update, progress=highest))

    return tell


def part(report: Report, start: float, end: float) -> Report:
    """The report for a part of the work, whose 0 to 1 is `start` to `end` of the whole."""

    def scaled(update: Update) -> None:
        done = min(1.0, max(0.0, update.progress))
        report(replace(update, progress=start + (end - start) * done))

    return scaled
