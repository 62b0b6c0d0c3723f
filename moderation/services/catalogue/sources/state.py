"""Which sources want somebody's eye."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Subquery

from moderation.models import CatalogueSource, SourceRun

State = SourceRun.State
_NAMED = 3


@dataclass(frozen=True)
class Wanting:
    """Names of sources: those whose last run failed, and those that ask something."""

    failing: list[str]
    asking: list[str]

    @property
    def words(self) -> str:
        """In a line, with a few names; "" where all is well."""
        kinds = {
            "failed at their last run": self.failing,
            "ask about listings that are gone": self.asking,
        }
        return " ".join(f"Sources that {what}: {_some(of)}." for what, of in kinds.items() if of)


def wanting() -> Wanting:
    runs = SourceRun.objects.filter(source=OuterRef("pk"))
    last = runs.filter(finished_at__isnull=False).order_by("-pk").values("state")[:1]
    asks = Exists(runs.filter(state=State.ASKS))
    found = CatalogueSource.objects.annotate(last=Subquery(last), asks=asks)
    rows = list(found.values_list("name", "last", "asks"))
    return Wanting(
        failing=[name for name, state, _ in rows if state == State.FAILED],
        asking=[name for name, _, asks in rows if asks],
    )


def _some(names: list[str]) -> str:
    more = " and others" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
