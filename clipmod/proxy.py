"""Who asks, and for which page, where a proxy stands in front."""

from collections.abc import Iterable
from ipaddress import ip_address
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The address that the proxy itself saw: the last one in X-Forwarded-For.

    What stands before it was sent along by the client, who may write anything there.
    """
    last = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    try:
        return str(ip_address(last))
    except ValueError:
        return request.META.get("REMOTE_ADDR")


def address(request: HttpRequest) -> str | None:
    """The visitor's address, by the proxy where there is one."""
    return client_address(request) if settings.BEHIND_PROXY else request.META.get("REMOTE_ADDR")


def below(path: str, application: WSGIApplication) -> WSGIApplication:
    """The site under a path of its host, whether the proxy passes that path on or takes it off."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        wanted = environ.get("PATH_INFO", "")
        if f"{wanted}/".startswith(f"{path}/"):
            environ["PATH_INFO"] = wanted.removeprefix(path)
        return application(environ, start_response)

    return answer
