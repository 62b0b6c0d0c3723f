"""Asking again for photos: for those that failed, or for all, whether they have changed."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, QuerySet
from django.db.models.functions import Now

from moderation.models import ProductPhoto

from .problems import label

State = ProductPhoto.State


@dataclass(frozen=True)
class Tally:
    """Photos of present products with an address, by what became of them."""

    waiting: int
    fetched: int
    failed: int
    problems: dict[str, int]  # of the failed ones, by label, the most frequent first


def tally() -> Tally:
    with_address = _of_present_products().exclude(url="")
    problems = failed_by_problem()
    return Tally(
        waiting=waiting(),
        fetched=with_address.filter(state=State.FETCHED).count(),
        failed=sum(problems.values()),
        problems={label(code): count for code, count in problems.items()},
    )


def waiting() -> int:
    """How many photos are still to be fetched, now or later; from an index."""
    return ProductPhoto.objects.filter(state=State.WAITING, due_at__isnull=False).count()


def failed_by_problem() -> dict[str, int]:
    """How many photos failed, by the code of their problem, the most frequent first."""
    failed = _of_present_products().filter(state=State.FAILED).order_by()
    return dict(failed.values_list("problem").annotate(n=Count("*")).order_by("-n", "problem"))


def retry(photos: QuerySet[ProductPhoto] | None = None) -> int:
    """Fetch what failed once more, all of it or some, and what waits for another attempt now;
    returns how many photos."""
    chosen = ProductPhoto.objects.all() if photos is None else photos
    return _wait(chosen.exclude(state=State.FETCHED).exclude(url=""))


def refetch(photos: QuerySet[ProductPhoto] | None = None) -> int:
    """Ask whether photos that are here have changed; returns how many. Those that have not cost
    the host an answer without a body, where it knows ETag or Last-Modified."""
    chosen = ProductPhoto.objects.all() if photos is None else photos
    return _wait(chosen.filter(state=State.FETCHED).exclude(url=""))


def _of_present_products() -> QuerySet[ProductPhoto]:
    return ProductPhoto.objects.filter(product__withdrawn_at=None)


def _wait(photos: QuerySet[ProductPhoto]) -> int:
    present = photos.filter(product__withdrawn_at=None)
    return present.update(state=State.WAITING, due_at=Now(), attempts=0)
