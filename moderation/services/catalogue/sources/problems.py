"""What can end a run of a source before its end."""

from __future__ import annotations


class SourceError(Exception):
    """A source that cannot be read, or not now; `str(error)` is a sentence for people.

    `wait`: another attempt may help after so many seconds at least, without anybody doing anything.
    """

    def __init__(self, sentence: str, *, wait: float | None = None) -> None:
        super().__init__(sentence)
        self.wait = wait


class Interrupted(Exception):
    """The process is told to stop, or all work is paused: the run waits for somebody again."""


class Lost(Exception):
    """Another process has the run by now, or the source was removed."""
