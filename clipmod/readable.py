"""Requests that nothing here can read are a 400 with a sentence, whichever page they are for.

What a request may hold and no database, codec or number can take: a NUL, a charset of Python's that
is none of texts, a number of thousands of digits, an end before the end. Each page would have to
think of each of them; here it is said once. The API's own bodies are checked by its serializers,
which name the field.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.utils.http import parse_header_parameters

from . import bodies
from .requests import is_of_the_api

CHARSETS = {"utf-8", "ascii", "iso8859-1"}
_ODD = "clipmod.charset"  # of the environment: one that is not read
_OUT_OF_RANGE = "22003"  # the state of PostgreSQL for a number that a column cannot hold
_ENDLESS = re.compile(r"\d{4000}")  # Python refuses to read more than 4,300 digits
_Next = Callable[[HttpRequest], HttpResponse]


def made_of(application: WSGIApplication) -> WSGIApplication:
    """The application, for requests of which Django could not even make its own object.

    With a charset it decodes the query in the constructor, before any middleware.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        kind, options = parse_header_parameters(environ.get("CONTENT_TYPE", ""))
        if (charset := options.pop("charset", "")) and not _is_known(charset):
            rest = (f'; {name}="{value}"' for name, value in options.items())
            environ |= {"CONTENT_TYPE": kind + "".join(rest), _ODD: charset}
        try:
            return application(environ, start_response)
        except TooManyFieldsSent:
            start_response("400 Bad Request", [("Content-Type", "text/plain; charset=utf-8")])
            return [b"The query has too many parameters; send fewer."]

    return answer


class ReadableRequests:
    """Looks at charset, address and query before anything else reads them, and at broken bodies."""

    def __init__(self, get_response: _Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = _charset(request) or _address(request) or _query(request)
        if response is None:
            response = self.get_response(request)
        body = request.META.get(bodies.KEY)
        if body is not None and body.is_cut_off and response.status_code != 400:
            return _cut_off(request)
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, UnreadablePostError):
            return _cut_off(request)
        if isinstance(error, OverflowError) or _sql_state(error) == _OUT_OF_RANGE:
            return _refused(request, "A number is too large; send a smaller one.")
        return None


class ReadableForms:
    """Looks at the fields of a form once it is known to come from a page of ours."""

    def __init__(self, get_response: _Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        if request.method != "POST" or is_of_the_api(request):
            return None
        fields = ((name, value) for name, values in request.POST.lists() for value in values)
        return _fields(request, ((name, str(value)) for name, value in fields))


def _charset(request: HttpRequest) -> HttpResponse | None:
    """Django would decode query and form with any codec of Python's, even one that unpacks."""
    charset = request.META.get(_ODD) or (request.content_params or {}).get("charset")
    if not charset or _is_known(charset):
        return None
    return _refused(request, f"The charset {charset[:40]!r} is not read; use UTF-8.", status=415)


def _is_known(charset: str) -> bool:
    try:
        return codecs.lookup(charset).name in CHARSETS
    except (LookupError, ValueError):
        return False


def _sql_state(error: Exception) -> str:
    """What PostgreSQL calls an error; empty where it is none of its own."""
    return getattr(error.__cause__, "sqlstate", None) or ""


def _address(request: HttpRequest) -> HttpResponse | None:
    if "\0" not in request.path_info:
        return None
    return _refused(request, "There is no address with a NUL character in it.", status=404)


def _query(request: HttpRequest) -> HttpResponse | None:
    query = request.META.get("QUERY_STRING", "")
    if "%00" not in query and "\0" not in query and len(query) < 4000:
        return None
    return _fields(request, parse_qsl(query, keep_blank_values=True))


def _fields(request: HttpRequest, fields: Iterable[tuple[str, str]]) -> HttpResponse | None:
    for name, value in fields:
        if "\0" in name:
            return _refused(request, "The name of a field holds a NUL character; leave it out.")
        if "\0" in value:
            return _refused(request, f"{name} holds a NUL character; leave it out.", field=name)
        if _ENDLESS.search(value):
            return _refused(
                request, f"{name} holds a number of thousands of digits; shorten it.", field=name
            )
    return None


def _cut_off(request: HttpRequest) -> HttpResponse:
    return _refused(request, "The request broke off before its end; send it again.")


def _refused(
    request: HttpRequest, sentence: str, *, status: int = 400, field: str | None = None
) -> HttpResponse:
    if is_of_the_api(request):
        return JsonResponse({"error": sentence, "field": field}, status=status)
    return HttpResponse(sentence, content_type="text/plain; charset=utf-8", status=status)
