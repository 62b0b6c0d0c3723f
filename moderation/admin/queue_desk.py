"""Which part of the queue a request speaks of: its address says it, so that it can be shared."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse

from moderation.services.queue import review_claims
from moderation.services.queue.desk import LEADS, Desk
from moderation.services.queue.queue_filter import QueueFilter

_LEADS = "leads"


def desk(request: HttpRequest) -> Desk:
    """The desk of this address. Raises `PermissionDenied` for the leads' where that is not yours.

    A filter that cannot be read is none, and `problem` says so.
    """
    if request.GET.get("desk") == _LEADS:
        if not request.user.has_perm(review_claims.RESOLVE):
            raise PermissionDenied
        return LEADS
    chosen = _filter(request)
    return Desk(narrowing=None if chosen is None or chosen.is_empty else chosen)


def problem(request: HttpRequest) -> str:
    """What is wrong with the filter in this address, as a sentence; empty where nothing is."""
    try:
        QueueFilter.parse(request.GET)
    except ValueError as error:
        return f"{error} This is the whole queue."
    return ""


def query(request: HttpRequest) -> str:
    """What follows the “?” in the addresses of this desk; empty for the whole queue."""
    if request.GET.get("desk") == _LEADS:
        return f"desk={_LEADS}"
    chosen = _filter(request)
    return chosen.query if chosen else ""


def words(request: HttpRequest) -> str:
    """The desk for people; empty for the whole queue."""
    if request.GET.get("desk") == _LEADS:
        return "Escalated items"
    chosen = _filter(request)
    return "" if chosen is None or chosen.is_empty else chosen.words


def address(request: HttpRequest) -> str:
    """The page of this desk."""
    wanted = query(request)
    return reverse("admin:queue") + (f"?{wanted}" if wanted else "")


def wants_json(request: HttpRequest) -> bool:
    """Whether the page's script asks, which takes JSON only."""
    return request.accepts("application/json") and not request.accepts("text/html")


def _filter(request: HttpRequest) -> QueueFilter | None:
    try:
        return QueueFilter.parse(request.GET)
    except ValueError:
        return None
