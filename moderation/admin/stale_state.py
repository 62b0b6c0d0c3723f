"""What pages say of products whose scores are out of date, and who may have them scored again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from moderation.clip.errors import ModelError
from moderation.models import ModelVersion
from moderation.services.registry import versions
from moderation.services.scoring import stale

PROMOTE = "moderation.promote"


@dataclass(frozen=True)
class StaleState:
    """The version that runs, and how many products do not carry its scores yet."""

    version: ModelVersion
    count: int
    cached_since: datetime | None  # None: as it is now
    may_rescore: bool

    @property
    def words(self) -> str:
        """The number, for people."""
        more = self.count > stale.COUNTED_AT_MOST
        return f"Over {stale.COUNTED_AT_MOST:,}" if more else f"{self.count:,}"


def stale_state(request: HttpRequest) -> StaleState | None:
    """None where nothing is out of date, or no model runs."""
    try:
        version = versions.current()
    except ModelError:
        return None
    count = stale.counted(version)
    if not count.value:
        return None
    may_rescore = request.user.has_perm(PROMOTE)
    return StaleState(version, count.value, count.cached_since, may_rescore)
