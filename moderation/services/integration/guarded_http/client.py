"""The client: one request at a time and thread, each step of it checked, nothing without an end.

requests-hardened would be the library for this. It looks at the first address of a host only, lets
obsolete forms of IPv6 through, follows redirects from https to http and has no end for a host that
drips (tried with 1.3.0); httpx decompresses 64 MiB at once. So this is urllib3 with connections
of its own.
"""

from __future__ import annotations

import base64
import functools
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote_to_bytes, urljoin

from django.conf import settings
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, Timeout
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from moderation import __version__

from . import problems
from .addresses import EVERYTHING, Allowed, is_public, look_up
from .answer import Answer, close, pass_over
from .connection import pools
from .deadline import Deadline
from .problems import FetchError, Problem

MAX_REDIRECTS = 5
HOSTS_KEPT = 20  # whose connections are kept for the next request
_REDIRECTS = (301, 302, 303, 307, 308)
_WHOLE = (200, 203)  # others of 2xx come without what was asked for, or with a part of it


def user_agent() -> str:
    """Who asks, and with FETCH_CONTACT whom to write to."""
    contact = settings.FETCH_CONTACT
    return f"clipmod/{__version__}" + (f" (+{contact})" if contact else "")


class GuardedClient:
    """Asks hosts of the internet, and those that FETCH_ALLOW lists; safe for threads.

    With `allow_private` every address may be asked. At most `connections` to one host exist at a
    time, and are used again; a thread that finds none free waits. Connecting may take
    `connect_seconds` and an answer's headers `read_seconds`, as may each further read; looking up
    names comes on top. Every failure is a `FetchError`.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        connections: int = 4,
        connect_seconds: float = 10,
        read_seconds: float = 20,
    ) -> None:
        self.connect_seconds = connect_seconds
        self.read_seconds = read_seconds
        allowed = EVERYTHING if allow_private else Allowed.of(settings.FETCH_ALLOW)
        self._managers = [_manager("", allowed=allowed, connections=connections)]
        if settings.FETCH_PROXY:
            proxied = _manager(settings.FETCH_PROXY, allowed=allowed, connections=connections)
            self._managers.append(proxied)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept."""
        for manager in self._managers:
            manager.clear()

    @contextmanager
    def get(
        self, url: str, *, limit: int, seconds: float, etag: str = "", last_modified: str = ""
    ) -> Iterator[Answer]:
        """Ask for `url` and follow up to five redirects; the answer is read within the `with`.

        `limit` is in bytes, counted after decompression; all of it, with what the caller does
        meanwhile, may take `seconds`. `etag` and `last_modified` are those of an earlier answer:
        where nothing has changed since, the answer `is_unchanged` and has no body.
        """
        deadline = Deadline(seconds)
        headers = {"Accept": "*/*", "Accept-Encoding": "gzip"}
        if etag:
            headers["If-None-Match"] = etag
        if last_modified:
            headers["If-Modified-Since"] = last_modified
        for _ in range(MAX_REDIRECTS + 1):
            response = self._send("GET", url, headers=headers, deadline=deadline)
            try:
                location = response.headers.get("Location", "")
                if response.status in _REDIRECTS and location:
                    pass_over(response, deadline=deadline)
                    url = _redirected(url, to=location)
                    continue
                has_body = response.status in _WHOLE
                if not has_body:
                    pass_over(response, deadline=deadline)
                if not has_body and not (response.status == 304 and (etag or last_modified)):
                    raise problems.of_status(response)
                yield Answer(response, url=url, limit=limit, deadline=deadline)
                return
            finally:
                close(response)
        raise FetchError(
            f"Redirected more than {MAX_REDIRECTS} times.", problem=Problem.TOO_MANY_REDIRECTS
        )

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str], seconds: float) -> int:
        """Send `body` and return the status of the answer, which may take `seconds`.

        Redirects are not followed, and what the answer says is not read.
        """
        deadline = Deadline(seconds)
        headers = {**headers, "Connection": "close"}
        response = self._send("POST", url, headers=headers, body=body, deadline=deadline)
        close(response)
        return response.status

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        deadline: Deadline,
        body: bytes | None = None,
    ) -> BaseHTTPResponse:
        """The answer to one request, its body not yet read."""
        parts = _parts(url)
        manager = self._manager_for(parts)
        started = Deadline(deadline.left)
        if started.seconds <= 0:
            raise FetchError(
                f"Not complete within {deadline.seconds:g} seconds.", problem=Problem.TIMEOUT
            )
        try:
            return manager.urlopen(
                method,
                url,
                body=body,
                headers={**headers, "User-Agent": user_agent()},
                timeout=Timeout(
                    connect=self.connect_seconds, read=self.read_seconds, total=started.seconds
                ),
                pool_timeout=started.seconds,
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (HTTPError, ValueError) as error:
            raise problems.of_error(error, host=_host(parts), seconds=started.passed) from error

    def _manager_for(self, parts: Url) -> PoolManager:
        """Past the proxy for what this machine knows as private, whether it is allowed or not.

        The proxy gets names and looks them up itself; which of them it connects to is its rule.
        """
        direct = self._managers[0]
        if len(self._managers) == 1:
            return direct
        try:
            addresses = look_up(_host(parts), port=parts.port or 0)
        except FetchError:  # behind a proxy, names of the internet are often its affair alone
            return self._managers[1]
        return self._managers[1] if all(is_public(one) for one in addresses) else direct


@functools.cache
def trusted() -> ssl.SSLContext:
    """Whose certificates count: the system's, or those of SSL_CERT_FILE; read once."""
    return ssl.create_default_context()


def _manager(proxy: str, *, allowed: Allowed, connections: int) -> PoolManager:
    """Pools of checked connections, or of those to a proxy (`http://name:password@host:port`)."""
    options: dict[str, Any] = {
        "num_pools": HOSTS_KEPT,
        "maxsize": connections,
        "block": True,
        "ssl_context": trusted(),
    }
    if proxy:
        manager: PoolManager = ProxyManager(proxy, proxy_headers=_login(proxy), **options)
    else:
        manager = PoolManager(**options)
    manager.pool_classes_by_scheme = pools(allowed)
    return manager


def _login(proxy: str) -> dict[str, str]:
    """The header with the name and password of its address, where an `@` is written `%40`."""
    login = parse_url(proxy).auth
    if not login:
        return {}
    encoded = base64.b64encode(unquote_to_bytes(login)).decode()
    return {"Proxy-Authorization": f"Basic {encoded}"}


def _parts(url: str) -> Url:
    """The parts of an address as urllib3 will take them when it asks."""
    try:
        parts = parse_url(url)
    except LocationParseError as error:
        raise _unreadable() from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise FetchError(
            "The address is none of http or https; change it.", problem=Problem.BAD_ADDRESS
        )
    if parts.auth is not None:
        raise FetchError(
            "The address has a name or password before its host; take them out.",
            problem=Problem.BAD_ADDRESS,
        )
    return parts


def _unreadable() -> FetchError:
    return FetchError("The address cannot be read; correct it.", problem=Problem.BAD_ADDRESS)


def _host(parts: Url) -> str:
    """The host's name, or its address without the brackets of IPv6."""
    return (parts.host or "").strip("[]")


def _redirected(url: str, *, to: str) -> str:
    """Where a redirect leads; to be checked as any address."""
    try:
        target = urljoin(url, to)
    except ValueError as error:
        raise _unreadable() from error
    if _parts(url).scheme == "https" and _parts(target).scheme == "http":
        raise FetchError(
            "Redirected from https to http; give the final address.",
            problem=Problem.REDIRECT_REFUSED,
        )
    return target
