"""Who asks, where a proxy stands in front."""

from ipaddress import ip_address

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
