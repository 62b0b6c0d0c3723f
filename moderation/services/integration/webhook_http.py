"""One signed HTTP request to an address of the shop: Standard Webhooks 1.0, and nothing it may not.

The signature is HMAC-SHA256 over `id.timestamp.body`
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
People who may add a webhook must not reach the network behind the site with it (SSRF): the host is
resolved at each sending, every address of it is looked at, the connection goes to just the address
that was looked at, and no redirect is followed.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import ipaddress
import json
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

USER_AGENT = "clipmod-webhooks"
SECRET_PREFIX = "whsec_"
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# What the IANA registries of special-purpose addresses keep from the internet, and what is obsolete
# there. Python's `is_global` knows less of it, and in each release something else.
_NOT_PUBLIC = [
    ipaddress.ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
]
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # nothing else of IPv6 is given out (RFC 4291)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAnswered(Exception):
    """No HTTP answer came; `str(error)` says why."""


@dataclass(frozen=True)
class HttpAnswer:
    """The status of an answer; what it says is not read."""

    status: int

    @property
    def problem(self) -> str:
        """Why the message does not count as delivered, or nothing."""
        if 200 <= self.status < 300:
            return ""
        if 300 <= self.status < 400:
            return f"Answered {self.status}: redirects are not followed; give the final address."
        return f"Answered {self.status}; only 200 to 299 counts as delivered."


# ── The message ───────────────────────────────────────────────────────────────────────────────
def body_of(payload: dict[str, Any]) -> bytes:
    """The bytes that are signed and sent: the same for the same payload, in every database."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()


def shown_secret(secret: str) -> str:
    """A stored secret as receivers' libraries take it: `whsec_` and the key in base64."""
    return SECRET_PREFIX + base64.b64encode(_key(secret)).decode()


def signature(secret: str, *, event_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digest = hmac.new(_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    """The 32 bytes that `secrets.token_urlsafe(32)` wrote down."""
    return base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))


# ── The request ───────────────────────────────────────────────────────────────────────────────
def post(url: str, *, secret: str, event_id: str, payload: dict[str, Any]) -> HttpAnswer:
    """Send one message and wait for the answer's status, `WEBHOOK_TIMEOUT_SECONDS` at most.

    Raises `NotAnswered`, also where the address must not be asked and nothing was sent.
    """
    deadline = time.monotonic() + settings.WEBHOOK_TIMEOUT_SECONDS
    parts = urlsplit(url)
    address = _allowed_address(parts)
    body, timestamp = body_of(payload), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Connection": "close",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(secret, event_id=event_id, timestamp=timestamp, body=body),
    }
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        return HttpAnswer(_exchange(parts, address, target, body, headers, deadline))
    except TimeoutError as error:
        raise NotAnswered(
            f"No answer within {settings.WEBHOOK_TIMEOUT_SECONDS:g} seconds."
        ) from error
    except ssl.SSLError as error:
        raise NotAnswered(f"No secure connection: {error.reason or error}.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotAnswered(f"No answer: {error or type(error).__name__}.") from error


def _exchange(
    parts: SplitResult,
    address: Address,
    target: str,
    body: bytes,
    headers: dict[str, str],
    deadline: float,
) -> int:
    connection = _Connection(parts, address, timeout=_left(deadline))
    try:
        connection.connect()
        # Each read may take the socket's whole timeout; a receiver that drips must end, too.
        over = threading.Event()
        watch = threading.Timer(_left(deadline), _hang_up, (connection.sock, over))
        watch.daemon = True
        watch.start()
        try:
            connection.request("POST", target, body=body, headers=headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            if over.is_set():
                raise TimeoutError from error
            raise
        finally:
            watch.cancel()
        return status
    finally:
        connection.close()


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _hang_up(sock: socket.socket, over: threading.Event) -> None:
    over.set()
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


class _Connection(http.client.HTTPConnection):
    """To one given address, under the name that the URL has; https with the name checked."""

    def __init__(self, parts: SplitResult, address: Address, *, timeout: float) -> None:
        self.is_secure = parts.scheme == "https"
        self.default_port = 443 if self.is_secure else 80
        # Never None: then the last group of an IPv6 address would be taken for the port.
        port = self.default_port if parts.port is None else parts.port
        super().__init__(parts.hostname or "", port, timeout=timeout)
        self.address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((str(self.address), self.port), self.timeout)
        if self.is_secure:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(self.sock, server_hostname=self.host)


# ── Which addresses may be asked ──────────────────────────────────────────────────────────────
def _allowed_address(parts: SplitResult) -> Address:
    """The first address of the URL's host, after all of them were looked at."""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NotAnswered("The address is none of http or https; change it.")
    try:
        port = parts.port or 0
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:  # an impossible port or name is a ValueError
        raise NotAnswered(f"The host {parts.hostname} is not found.") from error
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not settings.WEBHOOK_ALLOW_PRIVATE:
        for address in addresses:
            if not is_public(address):
                raise NotAnswered(
                    f"The host {parts.hostname} is {address}, an address of a private network; "
                    "WEBHOOK_ALLOW_PRIVATE=true allows such ones."
                )
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether an address lies in the internet, also the IPv4 one that an IPv6 one wraps."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address not in _GLOBAL_UNICAST:
            return False
    return address.is_global and not any(address in network for network in _NOT_PUBLIC)
