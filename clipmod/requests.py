"""Each request has an id, in the log, in the answer and on the error page, and a line in the log.

The id is what somebody who met an error can quote, and what finds the traceback.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.functional import SimpleLazyObject

from clipmod import logs, proxy

access = logging.getLogger("clipmod.access")

HEADER = "X-Request-ID"
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


def with_id(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """The outermost middleware: gives the request its id, and the access log its line."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        started = time.monotonic()
        logs.request_id.set(_id_of(request))
        response = get_response(request)
        response[HEADER] = logs.request_id.get()
        if settings.ACCESS_LOG:
            _note(request, response, seconds=time.monotonic() - started)
        return response

    return answer


def _forget(**kwargs: object) -> None:
    """The answer is sent: what this thread logs next belongs to no request."""
    logs.request_id.set("")


request_finished.connect(_forget, dispatch_uid="clipmod.requests")


def _id_of(request: HttpRequest) -> str:
    """The proxy's id where there is a proxy, else one of our own: clients may write anything."""
    sent = request.headers.get(HEADER, "")
    if settings.BEHIND_PROXY and _WELL_FORMED.fullmatch(sent):
        return sent
    return uuid.uuid4().hex


def _note(request: HttpRequest, response: HttpResponseBase, *, seconds: float) -> None:
    fields = {
        "method": request.method,
        "path": request.path,  # without the query, where people search for names
        "status": response.status_code,
        "ms": round(1000 * seconds),
        "user": _user(request),
        "address": proxy.address(request),
    }
    access.info(
        "%(method)s %(path)s %(status)s in %(ms)s ms, user %(user)s at %(address)s",
        fields,
        extra={"fields": fields},
    )


def _user(request: HttpRequest) -> int | None:
    """The key of who asked, if that was looked up: a line of the log asks no database."""
    user = vars(request).get("user")
    if isinstance(user, SimpleLazyObject):
        user = vars(request).get("_cached_user")
    return getattr(user, "pk", None)


def is_of_the_api(request: HttpRequest) -> bool:
    """Whether a program asks, which reads JSON, and not a page."""
    return request.path_info.startswith(("/api/", "/clip/"))


def failed(request: HttpRequest) -> HttpResponse:
    """The answer to what went wrong here: short, and with the id that finds it in the log."""
    found = logs.request_id.get()
    if is_of_the_api(request):
        sentence = f"Something went wrong on the server; quote {found} to its operator."
        return JsonResponse({"error": sentence, "field": None, "request_id": found}, status=500)
    # No context of Django's own: it would ask the database, which may be what went wrong.
    return HttpResponseServerError(render_to_string("500.html", {"request_id": found}))
