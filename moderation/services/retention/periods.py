"""For how many days each kind of thing is kept; 0 is for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.utils import timezone


class Kind(StrEnum):
    """What can be removed, as runs count it and `/metrics` names it."""

    ANALYSES = "analyses"
    VECTORS = "vectors"
    DELIVERIES = "deliveries"
    TASK_RESULTS = "task_results"
    SOURCE_RUNS = "source_runs"
    PHOTOS = "photos"


@dataclass(frozen=True)
class Period:
    """A setting with what it is about, in words."""

    kind: Kind
    setting: str
    words: str

    @property
    def days(self) -> int:
        return int(getattr(settings, self.setting))

    @property
    def before(self) -> datetime | None:
        """What is older than this goes; None: nothing does."""
        return timezone.now() - timedelta(days=self.days) if self.days else None

    @property
    def kept(self) -> str:
        """For people."""
        if not self.days:
            return "for ever"
        return "1 day" if self.days == 1 else f"{self.days:,} days"


# In this order they are looked through: a photo may lose its last analysis in the same night.
PERIODS = (
    Period(Kind.ANALYSES, "KEEP_ANALYSES_DAYS", "passed analyses"),
    Period(Kind.VECTORS, "KEEP_VECTORS_DAYS", "vectors of replaced versions"),
    Period(Kind.DELIVERIES, "KEEP_DELIVERIES_DAYS", "delivered messages to the shop"),
    Period(Kind.TASK_RESULTS, "KEEP_TASK_RESULTS_DAYS", "results of tasks"),
    Period(Kind.SOURCE_RUNS, "KEEP_SOURCE_RUNS_DAYS", "finished runs of sources"),
    Period(Kind.PHOTOS, "KEEP_UNUSED_PHOTOS_DAYS", "photos in no use"),
)


def is_anything_removed() -> bool:
    """Whether any kind is not kept for ever."""
    return any(period.days for period in PERIODS)
