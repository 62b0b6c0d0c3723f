"""Who asks which host: one process at a time, so that what is polite holds for all hosts of ours.

A catalogue's photos usually lie on one host, so the limits of one host are the normal case.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from moderation.models import PhotoHost, ProductPhoto

from ...worker import heartbeat, pause

# Renewed each quarter; what is under way when a process is told to stop ends within it.
LEASE = timedelta(seconds=120)


class RateLimiter:
    """So many requests a second, evenly; `wait` sleeps until the next may go out."""

    def __init__(self, per_second: float) -> None:
        self._gap, self._next = 1.0 / per_second, 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        with self._lock:
            now = time.monotonic()
            starts = max(now, self._next)
            self._next = starts + self._gap
        time.sleep(max(0.0, starts - now))


def rate_limiter() -> RateLimiter:
    return RateLimiter(settings.FETCH_REQUESTS_PER_SECOND)


def meet(photos: Iterable[ProductPhoto]) -> None:
    """A row for each host of these photos."""
    names = sorted({photo.host for photo in photos if photo.host})
    PhotoHost.objects.bulk_create([PhotoHost(name=name) for name in names], ignore_conflicts=True)


def claim(owner: str) -> str | None:
    """The name of a host that this process asks from now on; None where there is none to ask."""
    for name in list(_to_ask().values_list("name", flat=True)):
        free = PhotoHost.objects.filter(_IN_NO_HAND, name=name)
        if free.update(claimed_by=owner, lease_expires_at=Now() + LEASE):
            return name
    return None


def renew(name: str, *, owner: str) -> bool:
    """Keep the host; False where another process has it by now, or all work is paused."""
    held = PhotoHost.objects.filter(name=name, claimed_by=owner)
    return bool(held.update(lease_expires_at=Now() + LEASE)) and not pause.present()


def renew_all(owner: str) -> None:
    """Keep all hosts that this process asks, though one may let it wait for long."""
    PhotoHost.objects.filter(claimed_by=owner).update(lease_expires_at=Now() + LEASE)


def release(name: str, *, owner: str, for_seconds: float = 0.0) -> None:
    """Give the host back, which is to be left alone for so long."""
    changes: dict[str, object] = {"claimed_by": "", "lease_expires_at": None}
    if for_seconds:
        changes["not_before"] = Now() + timedelta(seconds=for_seconds)
    PhotoHost.objects.filter(name=name, claimed_by=owner).update(**changes)


def is_any_free() -> bool:
    """Whether there is a photo to ask for at a host that nobody asks."""
    return _to_ask().exists()


def to_fetch() -> QuerySet[ProductPhoto]:
    """The photos that are to be asked for now."""
    return ProductPhoto.objects.filter(state=ProductPhoto.State.WAITING, due_at__lte=Now())


_IN_NO_HAND = Q(lease_expires_at=None) | Q(lease_expires_at__lte=Now())


def _to_ask() -> QuerySet[PhotoHost]:
    """Hosts with photos to be asked for, in nobody's hands, that did not ask to be left alone."""
    if pause.present():
        return PhotoHost.objects.none()
    _take_from_the_dead()
    wanted = Exists(to_fetch().filter(host=OuterRef("name")))
    is_open = Q(not_before=None) | Q(not_before__lte=Now())
    return PhotoHost.objects.filter(_IN_NO_HAND, is_open, wanted).order_by("name")


def _take_from_the_dead() -> None:
    """What a process of this machine held that is gone need not wait for its lease."""
    owners = PhotoHost.objects.exclude(claimed_by="").values_list("claimed_by", flat=True)
    dead = [owner for owner in owners.distinct() if heartbeat.is_dead(owner)]
    if dead:
        PhotoHost.objects.filter(claimed_by__in=dead).update(claimed_by="", lease_expires_at=None)
