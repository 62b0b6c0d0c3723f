"""One run: each kind that is not kept for ever, a small step at a time.

A step is a short transaction, or none. What was done is done: a run that is broken off costs
nothing, the next one begins anew and finds less.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from ..worker.patience import GONE, in_a_line
from . import analyses, files, records, vectors
from .periods import PERIODS, Kind, Period

logger = logging.getLogger(__name__)

Stage = Callable[..., Iterator[Counter[str]]]
_STAGES: dict[Kind, Stage] = {
    Kind.ANALYSES: analyses.remove,
    Kind.VECTORS: vectors.remove,
    Kind.DELIVERIES: records.remove_deliveries,
    Kind.TASK_RESULTS: records.remove_task_results,
    Kind.SOURCE_RUNS: records.remove_source_runs,
    Kind.PHOTOS: files.remove,
}


class Run:
    """What goes, or would with `dry_run`; `counts` and `problems` grow while `steps` is read."""

    def __init__(self, *, dry_run: bool = False, many_photos: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._dry_run = dry_run
        self._stages = _STAGES | {Kind.PHOTOS: partial(files.remove, many=many_photos)}

    def steps(self) -> Iterator[None]:
        """Do one step with each. What goes wrong with one kind keeps no other from going."""
        for period in PERIODS:
            if (before := period.before) is not None:
                yield from self._of(period, before)

    def _of(self, period: Period, before: datetime) -> Iterator[None]:
        try:
            for gone in self._stages[period.kind](before, dry_run=self._dry_run):
                self.counts.update(gone)
                yield
        except GONE:
            raise  # it is the database that is away, and another run goes on
        except files.MostlyUnused as error:
            logger.error("%s", error)
            self.problems.append(str(error))
        except Exception as error:
            logger.exception("Not all %s were looked through", period.words)
            self.problems.append(f"Not all {period.words} were looked through: {in_a_line(error)}")

    def as_json(self, *, finished: bool) -> dict[str, Any]:
        """For its row in the log, which holds plain values alone."""
        counts = {Kind(kind).value: number for kind, number in self.counts.items()}
        return {"counts": counts, "problems": self.problems, "finished": finished}
