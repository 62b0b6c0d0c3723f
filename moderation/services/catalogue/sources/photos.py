"""Photos of a source's listings: how they fare, and whether their hosts have other ones by now."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from moderation.models import CatalogueSource, ProductPhoto

from ...queries.in_time import in_time
from ..fetching import retries

State = ProductPhoto.State
_PATIENCE = timedelta(seconds=1)


def of(source: CatalogueSource) -> QuerySet[ProductPhoto]:
    return ProductPhoto.objects.filter(product__in_sources__source=source)


def not_here(source: CatalogueSource) -> dict[str, int] | None:
    """How many wait and how many failed; None where counting would keep a page waiting."""
    rows = of(source).filter(product__withdrawn_at=None).exclude(state=State.FETCHED).order_by()
    found = in_time(rows.values_list("state").annotate(number=Count("pk")), _PATIENCE)
    if found is None:
        return None
    return dict.fromkeys((State.WAITING.value, State.FAILED.value), 0) | dict(found)


def ask(source: CatalogueSource) -> int:
    """Have the hosts asked for changed photos, where it is time for that; returns how many."""
    if not source.photos_every_hours:
        return 0
    interval = timedelta(hours=source.photos_every_hours)
    is_time = Q(photos_asked_at=None) | Q(photos_asked_at__lte=Now() - interval)
    if not CatalogueSource.objects.filter(is_time, pk=source.pk).update(photos_asked_at=Now()):
        return 0
    return retries.refetch(of(source))
