"""Views of the queue that somebody saved under a name, for themselves or for everybody."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from urllib.parse import parse_qsl

from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import IntegrityError, transaction
from django.db.models import Case, Q, QuerySet, Value, When

from moderation.models import ReviewItem, SavedView

from ..queries import cache
from ..queries.in_time import in_time
from ..queue.queue_field import QueueFilterError
from ..queue.queue_filter import QueueFilter
from .queue_health import Count

MOST_VIEWS = 50  # of one person
LISTED = 200
COUNTED_AT_MOST = 1_000
# A page counts for so long at most, and what it counted is cached; so a few pages count all.
_COUNTING_SECONDS = 0.15
_CACHED_SECONDS = 300


class SavedViewError(Exception):
    """What cannot be done with a view; `str(error)` is a sentence for people."""


@dataclass(frozen=True)
class ListedView:
    """A view as the page shows it. `problem` where its filter cannot be read any longer.

    `open` is None where the page had counted for long enough before its turn came.
    """

    view: SavedView
    words: str
    query: str
    open: Count | None
    problem: str = ""


def visible_to(user: User) -> QuerySet[SavedView]:
    """A person's own views and the shared ones."""
    return SavedView.objects.filter(Q(owner=user) | Q(is_shared=True)).select_related("owner")


def save(*, owner: User, name: str, query: QueueFilter, is_shared: bool = False) -> SavedView:
    """A new view. Raises `SavedViewError`."""
    if query.is_empty:
        raise SavedViewError("This is the whole queue; choose a part of it first.")
    longest = SavedView._meta.get_field("query").max_length or 0
    if len(query.query) > longest:  # as in an address: a letter beyond ASCII takes six or more
        raise SavedViewError("The seller's name is too long to be kept in a view; leave it out.")
    with transaction.atomic():
        # The owner's row, so that of two requests at once the second sees the first's view.
        User.objects.select_for_update().get(pk=owner.pk)
        if SavedView.objects.filter(owner=owner).count() >= MOST_VIEWS:
            raise SavedViewError(f"You have {MOST_VIEWS} views already; delete one first.")
        view = SavedView(owner=owner, name=_name(name), query=query.query, is_shared=is_shared)
        _save(view)
    return view


def rename(view: SavedView, *, by: User, name: str) -> None:
    """Raises `SavedViewError`, also for the view of somebody else."""
    _check_own(view, by)
    view.name = _name(name)
    _save(view)


def share(view: SavedView, *, by: User, is_shared: bool) -> None:
    """Let everybody use it, or nobody else any longer. Raises `SavedViewError`."""
    _check_own(view, by)
    view.is_shared = is_shared
    view.save(update_fields=["is_shared"])


def delete(view: SavedView, *, by: User) -> None:
    """Raises `SavedViewError` for the view of somebody else."""
    _check_own(view, by)
    view.delete()


def _check_own(view: SavedView, by: User) -> None:
    if view.owner_id != by.pk:
        raise SavedViewError("This view is somebody else's; save one of your own.")


def _name(name: str) -> str:
    name = " ".join(name.split())
    longest = SavedView._meta.get_field("name").max_length or 0
    if not name or "\0" in name:
        raise SavedViewError("Give the view a name.")
    if len(name) > longest:
        raise SavedViewError(f"The name is too long; {longest} characters are the most.")
    return name


def _save(view: SavedView) -> None:
    try:
        with transaction.atomic():
            view.save()
    except IntegrityError:
        raise SavedViewError(
            f"You have a view “{view.name}” already; choose another name."
        ) from None


# ── The page ──────────────────────────────────────────────────────────────────────────────────
def listed(user: User) -> list[ListedView]:
    """A person's own views first, then the shared ones, with how many items wait in each."""
    own_first = Case(When(owner=user, then=Value(0)), default=Value(1))
    views = [_parsed(view) for view in visible_to(user).order_by(own_first, "name", "pk")[:LISTED]]
    known = caches["answers"].get_many(
        [_key(part) for _, part, _ in views if part], version=cache.VERSION
    )
    until = time.monotonic() + _COUNTING_SECONDS
    return [
        ListedView(view, "", "", open=None, problem=problem)
        if part is None
        else ListedView(view, part.words, part.query, known.get(_key(part)) or _count(part, until))
        for view, part, problem in views
    ]


def _parsed(view: SavedView) -> tuple[SavedView, QueueFilter | None, str]:
    """The view, its part of the queue, and what is wrong where it cannot be read any longer."""
    try:
        return view, QueueFilter.parse(dict(parse_qsl(view.query))), ""
    except QueueFilterError as error:
        return view, None, str(error)


def open_count(part: QueueFilter) -> Count | None:
    """How many items wait in a part of the queue, as of a while ago; None: not counted in time."""
    known: Count | None = caches["answers"].get(_key(part), version=cache.VERSION)
    return known or _count(part, time.monotonic() + _COUNTING_SECONDS)


def _count(part: QueueFilter, until: float) -> Count | None:
    """Count and cache what waits, where that is done until then."""
    if (seconds := until - time.monotonic()) <= 0:
        return None
    items = part.matching(ReviewItem.objects.open().not_escalated()).order_by()
    found = in_time(
        items.values_list("pk", flat=True)[: COUNTED_AT_MOST + 1], timedelta(seconds=seconds)
    )
    if found is None:
        return None
    counted = Count(min(len(found), COUNTED_AT_MOST), is_more=len(found) > COUNTED_AT_MOST)
    caches["answers"].set(_key(part), counted, _CACHED_SECONDS, version=cache.VERSION)
    return counted


def _key(part: QueueFilter) -> str:
    return f"clipmod:view:{sha256(part.query.encode()).hexdigest()}"
