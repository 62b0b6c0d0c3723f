"""Which sources want somebody's eye."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery

from moderation.models import CatalogueSource, SourceRun

State = SourceRun.State
_NAMED = 3


def failing() -> QuerySet[CatalogueSource]:
    """Those whose last run that has ended failed."""
    ended = SourceRun.objects.filter(source=OuterRef("pk"), finished_at__isnull=False)
    last = Subquery(ended.order_by("-pk").values("state")[:1])
    return CatalogueSource.objects.annotate(ended=last).filter(ended=State.FAILED)


def asking() -> QuerySet[CatalogueSource]:
    """Those with a run that waits for an answer."""
    asks = SourceRun.objects.filter(state=State.ASKS)
    return CatalogueSource.objects.filter(pk__in=asks.values("source"))


def told() -> str:
    """In a line, with a few names; "" where all is well."""
    kinds = {"failed at their last run": failing(), "ask about listings that are gone": asking()}
    named = (
        (what, list(rows.values_list("name", flat=True)[: _NAMED + 1]))
        for what, rows in kinds.items()
    )
    return " ".join(f"Sources that {what}: {_some(names)}." for what, names in named if names)


def _some(names: list[str]) -> str:
    more = " and others" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
